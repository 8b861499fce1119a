import Ouro
import OuroKernels

/// Computes the head and the cross-entropy, forward and backward, for one chunk of positions at a time. So only the
/// logits of one chunk are in memory.
///
/// Positions without a target are skipped.
final class TrainingHead {
    private let model: TrainableModel
    /// The logits of a chunk, later their gradients.
    private let logits: FloatRows
    /// The hidden states of a chunk.
    private let hidden: FloatRows
    /// The gradients of the hidden states of a chunk.
    private let gradient: FloatRows

    init(_ model: TrainableModel, positions: Int) {
        self.model = model
        let configuration = model.configuration
        let chunk = Self.chunk(vocabularySize: configuration.vocabularySize, positions: positions)
        logits = FloatRows(rows: chunk, columns: configuration.vocabularySize)
        hidden = FloatRows(rows: chunk, columns: configuration.hiddenSize)
        gradient = FloatRows(rows: chunk, columns: configuration.hiddenSize)
    }

    /// Positions of a chunk: a multiple of the tile height 6 whose logits take about 16 MiB.
    static func chunk(vocabularySize: Int, positions: Int) -> Int {
        let fitting = (4 << 20) / vocabularySize
        return min(max(96, fitting / 6 * 6), max(positions, 1))
    }

    /// Computes the cross-entropies of some positions after one loop, and the gradients of their weighted sum.
    ///
    /// - Parameters:
    ///   - positions: the positions that have a target.
    ///   - targets: the target of every position.
    ///   - states: the hidden states of all positions after the loop.
    ///   - weight: the weight of each cross-entropy, in the order of `positions`. With nil, no gradients are computed.
    ///   - crossEntropy: receives the cross-entropies, in the order of `positions`.
    ///   - stateGradient: the gradients of all hidden states. Only the rows of `positions` are written.
    func run(
        positions: [Int], targets: UnsafePointer<Int32>, states: FloatRows, weight: UnsafePointer<Float>?,
        crossEntropy: UnsafeMutablePointer<Float>, stateGradient: FloatRows
    ) {
        let (compute, width) = (model.compute, model.configuration.hiddenSize)
        let vocabulary = model.configuration.vocabularySize
        for start in stride(from: 0, to: positions.count, by: logits.rows) {
            let count = min(logits.rows, positions.count - start)
            compute.forRows(count) { range, _ in
                for index in range {
                    hidden.row(index).update(from: states.row(positions[start + index]), count: width)
                }
            }
            compute.product(
                hidden.view, model.transposed.head.view, into: logits.view, rows: count, columns: vocabulary,
                depth: width)
            compute.forRows(count) { range, _ in
                for index in range {
                    let target = Int(targets[positions[start + index]])
                    crossEntropy[start + index] = compute.table.cross_entropy(
                        logits.row(index), vocabulary, target, weight?[start + index] ?? 0)
                }
            }
            guard weight != nil else { continue }
            compute.product(
                logits.view, model.parameters.matrix(at: model.layout.head, columns: width), into: gradient.view,
                rows: count, columns: width, depth: vocabulary)
            compute.product(
                logits.view, hidden.view, into: model.gradients.matrix(at: model.layout.head, columns: width),
                rows: vocabulary, columns: width, depth: count, transposesA: true, adds: true)
            compute.forRows(count) { range, _ in
                for index in range {
                    stateGradient.row(positions[start + index]).update(from: gradient.row(index), count: width)
                }
            }
        }
    }
}
