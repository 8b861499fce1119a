/// The four inputs of a layer's products.
package enum LayerInput: Int, CaseIterable {
    /// Of queries, keys and values.
    case attention
    case attentionOutput
    /// Of gate and up.
    case mlp
    case down
}

extension LoopedTransformer {
    /// What others may look at while a pass runs. Both are nil while the engine serves.
    package struct Taps {
        /// Called with the input of every product of a layer, before the product. Calibration gathers statistics from it.
        package var input: ((_ layer: Int, _ input: LayerInput, _ x: FloatRows, _ rows: Int) -> Void)?
        /// Called with every row's residual stream after every layer, before the final norm. Tests compare it.
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
