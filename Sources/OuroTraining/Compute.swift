import Ouro
import OuroKernels

/// The training kernels and the threads that they run on.
///
/// Results do not depend on the number of threads, bit for bit. Every element of a product is summed in one order. Sums
/// over positions are cut into chunks of `chunk` positions.
struct Compute: @unchecked Sendable {
    let kernels: Kernels
    let pool: WorkerPool
    let table: ouro_training_kernels

    /// Positions in one work item of row-wise work.
    static let chunk = 32

    /// - Parameters:
    ///   - threads: the number of threads.
    ///   - kernels: the name of an instruction set. By default the one in `OURO_ISA`, otherwise the best of this
    ///     machine.
    /// - Throws: `OuroError` with code `unsupported` if this machine lacks the instruction set.
    init(threads: Int, kernels: String? = nil) throws(OuroError) {
        self.init(kernels: try Kernels.select(kernels), pool: WorkerPool(threadCount: threads))
    }

    init(kernels: Kernels, pool: WorkerPool) {
        self.kernels = kernels
        self.pool = pool
        table = kernels.training
    }

    static func chunkCount(_ rows: Int) -> Int { (rows + chunk - 1) / chunk }

    /// Runs `body` for every chunk of `0..<rows`, with the chunk's range and its number.
    func forRows(_ rows: Int, _ body: (_ range: Range<Int>, _ chunk: Int) -> Void) {
        pool.forEach(Self.chunkCount(rows)) { chunk, _ in
            body(chunk * Self.chunk..<min(rows, (chunk + 1) * Self.chunk), chunk)
        }
    }
}

/// An f32 matrix in row-major order. It does not own its memory.
struct MatrixView {
    let base: UnsafeMutablePointer<Float>
    let stride: Int

    func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * stride }
}

extension FloatRows {
    var view: MatrixView { MatrixView(base: row(0), stride: stride) }
}

extension Compute {
    /// Computes C = A B, or C += A B. A is [rows][depth], B is [depth][columns], C is [rows][columns].
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

    /// Columns of a work item: as many as the widest tile has.
    private static let columnBlock = 64

    /// Rows of a work item: a multiple of the tile height 6, and enough items for all threads. For a transposed matrix,
    /// an item must also fit into the second-level cache.
    private static func rowBlock(rows: Int, columns: Int, depth: Int, transposesA: Bool, threads: Int) -> Int {
        let columnBlocks = (columns + columnBlock - 1) / columnBlock
        var blocks = max(1, (4 * threads + columnBlocks - 1) / columnBlocks)
        if transposesA { blocks = max(blocks, (rows + 383) / 384) }
        let block = max(24, (rows + blocks - 1) / blocks)
        return (block + 5) / 6 * 6
    }

}
