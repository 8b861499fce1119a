import Ouro
import OuroKernels

/// The kernels of training and the threads that share their work.
///
/// However work is cut here, results are the same bits: an element of a product is summed in one order, and sums over
/// positions are cut into chunks of ``chunk`` whatever the number of threads.
struct Compute: @unchecked Sendable {
    let kernels: Kernels
    let pool: WorkerPool
    let table: ouro_training_kernels

    /// Positions of one item of work that goes row by row.
    static let chunk = 32

    /// - Parameters:
    ///   - threads: by default one per processor.
    ///   - kernels: name of the instruction set; by default `OURO_ISA`, else the best.
    /// - Throws: ``OuroError`` with code `unsupported` if this machine lacks it.
    init(threads: Int, kernels: String? = nil) throws(OuroError) {
        self.init(kernels: try Kernels.select(kernels), pool: WorkerPool(threadCount: threads))
    }

    init(kernels: Kernels, pool: WorkerPool) {
        self.kernels = kernels
        self.pool = pool
        table = kernels.training
    }

    static func chunkCount(_ rows: Int) -> Int { (rows + chunk - 1) / chunk }

    /// Runs `body` for all chunks of `0..<rows`; it also gets the number of the chunk.
    func forRows(_ rows: Int, _ body: (_ range: Range<Int>, _ chunk: Int) -> Void) {
        pool.forEach(Self.chunkCount(rows)) { chunk, _ in
            body(chunk * Self.chunk..<min(rows, (chunk + 1) * Self.chunk), chunk)
        }
    }
}

/// A row-major matrix of f32 in memory that somebody else owns.
struct MatrixView {
    let base: UnsafeMutablePointer<Float>
    let stride: Int

    func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * stride }
}

extension FloatRows {
    var view: MatrixView { MatrixView(base: row(0), stride: stride) }
}

extension Compute {
    /// C = A B, or C += A B, with A of `rows` times `depth` and B of `depth` times `columns`.
    ///
    /// - Parameters:
    ///   - transposesA: A is stored as `depth` times `rows`.
    func product(
        _ a: MatrixView, _ b: MatrixView, into c: MatrixView, rows: Int, columns: Int, depth: Int,
        transposesA: Bool = false, adds: Bool = false
    ) {
        let (rowStep, depthStep) = transposesA ? (1, a.stride) : (a.stride, 1)
        let rowBlock = Self.rowBlock(
            rows: rows, columns: columns, depth: depth, transposesA: transposesA, threads: pool.threadCount)
        let rowBlocks = (rows + rowBlock - 1) / rowBlock
        let columnBlocks = (columns + Self.columnBlock - 1) / Self.columnBlock
        let isSmall = rows * columns * depth < 1 << 16
        pool.forEach(rowBlocks * columnBlocks, alone: isSmall) { item, _ in
            let row = item / columnBlocks * rowBlock
            let column = item % columnBlocks * Self.columnBlock
            var product = ouro_product(
                a: a.base + row * rowStep, a_row: rowStep, a_depth: depthStep, b: b.base + column, b_stride: b.stride,
                c: c.row(row) + column, c_stride: c.stride, rows: min(rowBlock, rows - row),
                columns: min(Self.columnBlock, columns - column), depth: depth, adds: adds ? 1 : 0)
            table.product(&product)
        }
    }

    /// Columns of an item: the widest tile.
    private static let columnBlock = 64

    /// Rows of an item: enough items for all threads, whole tiles of 6; of a transposed matrix not more than the
    /// second-level cache holds.
    private static func rowBlock(rows: Int, columns: Int, depth: Int, transposesA: Bool, threads: Int) -> Int {
        let columnBlocks = (columns + columnBlock - 1) / columnBlock
        var blocks = max(1, (4 * threads + columnBlocks - 1) / columnBlocks)
        if transposesA { blocks = max(blocks, (rows + 383) / 384) }
        let block = max(24, (rows + blocks - 1) / blocks)
        return (block + 5) / 6 * 6
    }

}
