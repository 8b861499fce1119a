import Ouro

/// The sum of x x^T over the inputs x that a product has seen: how errors of its weights turn into errors of its outputs.
///
/// Only the lower triangle is kept.
final class SecondMoments {
    let inputs: Int
    private let sums: FloatRows

    /// Rows of the sums that one thread works on in one go.
    private static let rowsPerItem = 64

    init(inputs: Int) {
        self.inputs = inputs
        sums = FloatRows(rows: inputs, columns: inputs)
    }

    /// Bytes that the sums of a product take.
    static func byteCount(inputs: Int) -> Int { inputs * (inputs + 32) * MemoryLayout<Float>.stride }

    /// Adds the first `rows` rows of `x`. The result does not depend on the number of threads.
    func add(_ x: FloatRows, rows: Int, kernels: Kernels, pool: WorkerPool) {
        let items = (inputs + Self.rowsPerItem - 1) / Self.rowsPerItem
        pool.forEach(items) { [sums, inputs] item, _ in
            let first = item * Self.rowsPerItem
            let last = min(first + Self.rowsPerItem, inputs)
            // Of a row nothing is needed right of the diagonal.
            kernels.addProducts(
                Kernels.Block(x), Kernels.Block(x), samples: rows, rows: first..<last, columns: last,
                to: Kernels.Block(sums))
        }
    }

    func diagonal(_ index: Int) -> Float { sums.row(index)[index] }

    /// An element, from the lower triangle.
    func value(_ i: Int, _ j: Int) -> Float { i >= j ? sums.row(i)[j] : sums.row(j)[i] }
}
