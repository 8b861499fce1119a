import Ouro

/// The sum of x x^T over all inputs x of a product. It determines how errors of the weights become errors of the
/// outputs.
///
/// Only the lower triangle is stored.
final class SecondMoments {
    let inputs: Int
    private let sums: FloatRows

    /// Rows of the sums in one work item.
    private static let rowsPerItem = 64

    init(inputs: Int) {
        self.inputs = inputs
        sums = FloatRows(rows: inputs, columns: inputs)
    }

    /// Bytes of the sums for a number of inputs.
    static func byteCount(inputs: Int) -> Int { inputs * (inputs + 32) * MemoryLayout<Float>.stride }

    /// Adds the first `rows` rows of `x`. The result does not depend on the number of threads.
    func add(_ x: FloatRows, rows: Int, kernels: Kernels, pool: WorkerPool) {
        let items = (inputs + Self.rowsPerItem - 1) / Self.rowsPerItem
        pool.forEach(items) { [sums, inputs] item, _ in
            let first = item * Self.rowsPerItem
            let last = min(first + Self.rowsPerItem, inputs)
            // Only the lower triangle is needed.
            kernels.addProducts(
                Kernels.Block(x), Kernels.Block(x), samples: rows, rows: first..<last, columns: last,
                to: Kernels.Block(sums))
        }
    }

    func diagonal(_ index: Int) -> Float { sums.row(index)[index] }

    /// An element of the symmetric matrix.
    func value(_ i: Int, _ j: Int) -> Float { i >= j ? sums.row(i)[j] : sums.row(j)[i] }
}
