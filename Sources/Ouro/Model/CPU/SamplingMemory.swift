import OuroKernels

/// Scratch memory for reading rows of logits: one part for each thread. It is allocated once.
struct SamplingMemory: Sendable {
    /// Copies of rows, for masks, biases and penalties.
    private let copies: FloatRows
    /// The scaled logits of collected candidates.
    private let scaledRows: FloatRows
    /// The collected candidates.
    private let tokenRows: AlignedMemory
    private let sumRows: AlignedMemory
    private let drawnRows: AlignedMemory
    private let vocabularySize: Int

    /// Results of different threads lie this many bytes apart.
    private static let cacheLine = 64

    init(threads: Int, vocabularySize: Int) {
        self.vocabularySize = vocabularySize
        copies = FloatRows(rows: threads, columns: vocabularySize)
        scaledRows = FloatRows(rows: threads, columns: vocabularySize)
        tokenRows = AlignedMemory(byteCount: threads * vocabularySize * MemoryLayout<UInt32>.stride, clears: false)
        sumRows = AlignedMemory(byteCount: threads * Int(OURO_BINS) * MemoryLayout<ouro_sum>.stride, clears: false)
        drawnRows = AlignedMemory(byteCount: threads * Self.cacheLine, clears: false)
    }

    /// Room for a row of logits.
    func copy(_ thread: Int) -> UnsafeMutablePointer<Float> { copies.row(thread) }

    /// Room for the scaled logits of a row.
    func scaled(_ thread: Int) -> UnsafeMutablePointer<Float> { scaledRows.row(thread) }

    /// Room for the tokens of a row.
    func tokens(_ thread: Int) -> UnsafeMutablePointer<UInt32> {
        tokenRows.base.assumingMemoryBound(to: UInt32.self) + thread * vocabularySize
    }

    /// The bins of a tally.
    func sums(_ thread: Int) -> UnsafeMutableBufferPointer<ouro_sum> {
        UnsafeMutableBufferPointer(
            start: sumRows.base.assumingMemoryBound(to: ouro_sum.self) + thread * Int(OURO_BINS),
            count: Int(OURO_BINS))
    }

    /// The token that a thread has drawn.
    func drawn(_ thread: Int) -> UnsafeMutablePointer<ouro_drawn> {
        (drawnRows.base + thread * Self.cacheLine).assumingMemoryBound(to: ouro_drawn.self)
    }
}
