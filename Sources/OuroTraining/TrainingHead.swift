import Ouro
import OuroKernels

/// The head and cross-entropy, forwards and backwards at once, a chunk of positions at a time: logits of more than a chunk
/// never exist.
///
/// Only positions with a target are computed.
final class TrainingHead {
    private let model: TrainableModel
    /// Logits, then their gradient.
    private let logits: FloatRows
    /// Hidden states of the chunk, then their gradients.
    private let hidden: FloatRows
    private let gradient: FloatRows

    init(_ model: TrainableModel, positions: Int) {
        self.model = model
        let configuration = model.configuration
        let chunk = Self.chunk(vocabularySize: configuration.vocabularySize, positions: positions)
        logits = FloatRows(rows: chunk, columns: configuration.vocabularySize)
        hidden = FloatRows(rows: chunk, columns: configuration.hiddenSize)
        gradient = FloatRows(rows: chunk, columns: configuration.hiddenSize)
    }

    /// Positions of a chunk: about 16 MiB of logits, whole tiles of 6.
    static func chunk(vocabularySize: Int, positions: Int) -> Int {
        let fitting = (4 << 20) / vocabularySize
        return min(max(96, fitting / 6 * 6), max(positions, 1))
    }

    /// Cross-entropies of some positions after one loop, and the gradients of their weighted sum.
    ///
    /// - Parameters:
    ///   - positions: those with a target.
    ///   - states: hidden states after the loop, of all positions.
    ///   - weight: of a position's cross-entropy, in the order of `positions`; nil computes no gradients.
    ///   - crossEntropy: in the order of `positions`.
    ///   - stateGradient: of all positions; those of `positions` are written.
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
