/// A family of looped models that this package can read. The raw value is `model_type` in `config.json`.
///
/// Only this type lists the families. A family determines a model's ``LoopPlan`` and the names of its tensors.
public enum ModelFamily: String, Sendable, CaseIterable {
    /// ByteDance's Ouro (arXiv 2510.25741).
    case ouro

    /// The families, for error messages.
    static var list: String { allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ") }

    /// The names and shapes of the tensors in this family's checkpoints.
    package var tensorNames: TensorNames {
        switch self {
        case .ouro: .ouro
        }
    }

    fileprivate func plan(layers: Range<Int>, loops: Int) -> LoopPlan {
        switch self {
        case .ouro: LoopPlan(core: layers, loops: loops)
        }
    }
}

extension ModelConfiguration {
    /// Which layers the model runs in which loop, and how a layer computes.
    public var plan: LoopPlan { family.plan(layers: 0..<max(layerCount, 0), loops: loops) }

    /// The names and shapes of the tensors in the model's checkpoint.
    package var tensorNames: TensorNames { family.tensorNames }
}
