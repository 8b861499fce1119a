/// A sequence's way through the model, one pass after the other.
///
/// The scheduler asks for rows, runs the pass, then hands back what came out. A task never sees other tasks' rows.
protocol SequenceTask: AnyObject {
    /// Positions and loops the task can need at most; reserved before it starts.
    var maximumPositions: Int { get }
    var loops: Int { get }
    /// Whether the receiver has lost interest.
    var isCancelled: Bool { get }
    /// Called once, before the first pass.
    func start(cache: SequenceCache, states: RowStates)
    /// The rows for the next pass: `limit` (at least 1) bounds new work; a chunk once begun keeps its size.
    func nextRows(limit: Int) -> [Row]
    /// Takes in the outcomes of those rows. Returns the indices of rows whose logits it needs.
    func absorb(_ outcomes: ArraySlice<RowOutcome>) throws(OuroError) -> [Int]
    /// Takes in one row's logits, in the order of the indices; it may change them.
    func absorb(logits: UnsafeMutableBufferPointer<Float>, row: Int, kernels: Kernels) throws(OuroError)
    /// Called after all logits of a pass; returns whether the task is done.
    func endPass() throws(OuroError) -> Bool
    /// Called once, at the end, with the error if there was one.
    func finish(_ error: OuroError?)
}

/// The part of a sequence whose tokens are known, going through the loops chunk by chunk.
///
/// All rows of a chunk run loop r together, then loop r + 1.
struct PrefillCursor {
    let tokens: [Int]
    let loops: Int
    let chunkSize: Int
    private(set) var chunk: Range<Int> = 0..<0
    /// The loop the chunk's rows run next (1-based).
    private(set) var loop = 1
    private var slots: [Int] = []

    init(tokens: [Int], loops: Int, chunkSize: Int) {
        self.tokens = tokens
        self.loops = loops
        self.chunkSize = chunkSize
    }

    var isDone: Bool { chunk.upperBound == tokens.count && slots.isEmpty }

    mutating func nextRows(limit: Int, cache: SequenceCache, states: RowStates) -> [Row] {
        if slots.isEmpty {
            let start = chunk.upperBound
            chunk = start..<min(start + min(chunkSize, limit), tokens.count)
            slots = chunk.map { _ in states.take() }
            loop = 1
        }
        return zip(chunk, slots).map { position, slot in
            Row(cache: cache, position: position, loop: loop, token: tokens[position], slot: slot)
        }
    }

    /// Goes on to the next loop, or, after the last, to the next chunk.
    mutating func endPass(states: RowStates) {
        loop += 1
        if loop > loops { release(states) }
    }

    mutating func release(_ states: RowStates) {
        for slot in slots { states.giveBack(slot) }
        slots = []
    }
}
