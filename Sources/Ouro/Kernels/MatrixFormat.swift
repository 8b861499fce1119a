import OuroKernels

/// The type of a packed matrix's values.
package enum MatrixFormat: Equatable, Sendable {
    /// Values of one type.
    case values(ouro_element)
    /// Codes of MLX's quantisation, with a scale and a bias for each group of inputs.
    case groups(bits: Int, groupSize: Int, scaleElement: ouro_element)

    /// Number of outputs in a panel: 16.
    package static let panel = Int(OURO_PANEL)

    /// Bytes of a panel with `inputs` inputs.
    package func panelBytes(inputs: Int) -> Int {
        switch self {
        case .values(let element): inputs * Self.panel * element.byteCount
        case .groups(let bits, let groupSize, let scaleElement):
            inputs / groupSize * Self.panel * (2 * scaleElement.byteCount + groupSize * bits / 8)
        }
    }
}

extension ouro_element {
    /// Bytes of one value.
    package var byteCount: Int { self == OURO_F32 ? 4 : 2 }
}
