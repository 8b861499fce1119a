/// The four inputs of a layer's matrix products.
package enum LayerInput: Int, CaseIterable {
    /// The input of queries, keys and values.
    case attention
    /// The input of the attention's output projection.
    case attentionOutput
    /// The input of gate and up.
    case mlp
    /// The input of the down projection.
    case down
}

extension LoopedTransformer {
    /// Functions that receive intermediate values of a pass. Both are nil while an engine serves requests.
    package struct Taps {
        /// Called before each product of a layer, with the input of the product. Calibration collects statistics from
        /// it.
        package var input: ((_ layer: Int, _ input: LayerInput, _ x: FloatRows, _ rows: Int) -> Void)?
        /// Called after each layer, with the residual stream of each row. Tests compare it.
        package var residual: ((_ layer: Int, _ row: Int, _ residual: [Float]) -> Void)?
    }

    package func tap(_ layer: Int, _ input: LayerInput, _ x: FloatRows, _ rows: Int) {
        taps.input?(layer, input, x, rows)
    }

    package func tapResidual(_ layer: Int, _ rows: Int) {
        guard let residual = taps.residual else { return }
        for row in 0..<rows { residual(layer, row, work.residual.values(row)) }
    }
}
