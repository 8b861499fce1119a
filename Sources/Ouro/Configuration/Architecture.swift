/// A kind of looped model that this package reads. Its raw value is `model_type` of `config.json`.
///
/// This is the only place that lists the kinds. An architecture gives the plan of a model and the names of its tensors.
public enum Architecture: String, Sendable, CaseIterable {
    /// ByteDance's Ouro (arXiv 2510.25741).
    case ouro

    /// The kinds, as an error lists them.
    static var list: String { allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ") }

    /// The names and shapes of the tensors in this architecture's checkpoints.
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
    /// What the model's layers do in which loop.
    public var plan: LoopPlan { architecture.plan(layers: 0..<max(layerCount, 0), loops: loops) }

    /// The names and shapes of the tensors in the model's checkpoint.
    package var tensorNames: TensorNames { architecture.tensorNames }
}
