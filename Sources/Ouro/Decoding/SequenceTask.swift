/// A sequence's way through the model, one pass after the other.
///
/// The scheduler asks for rows, runs the pass, then hands back what came out, in the order the rows were given. A task
/// never sees other tasks' rows.
protocol SequenceTask: AnyObject {
    /// Positions and loops the task can need at most.
    var maximumPositions: Int { get }
    var loops: Int { get }
    /// Positions whose tokens are known; it starts when there is room for them.
    var knownPositions: Int { get }
    /// Only tasks with the same one share pages of the cache.
    var cacheSalt: String { get }
    /// What it has cost so far; nil for a task without output.
    var statistics: GenerationStatistics? { get }
    /// Whether the receiver has lost interest.
    var isCancelled: Bool { get }
    /// Called before the first pass, and again after ``suspend()``.
    func start(cache: SequenceCache, states: RowStates)
    /// Takes the pages without which it cannot go on: those of the required rows, or of one position of the next chunk.
    /// False if there is no room for them.
    func prepare() -> Bool
    /// Gives up its pages and rows between two passes, to go on later from the tokens that are known by then.
    func suspend()

    /// Rows of work that has begun: rows on final tokens, and the rest of a chunk's loops. All or none go into a pass.
    var requiredRowCount: Int { get }
    func requiredRows() -> [Row]
    /// Begins the next chunk of the prompt, with at most `limit` (at least 1) positions and as many as there is room for;
    /// empty if there is none to begin.
    func prefillRows(limit: Int) -> [Row]
    /// Rows on guessed tokens, at most `limit`; asked for after the required ones of the same pass.
    func draftRows(limit: Int) -> [Row]

    /// Takes in the outcomes of the pass's rows. Returns the indices of rows whose logits it needs.
    func absorb(_ outcomes: [RowOutcome]) throws(OuroError) -> [Int]
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
    let tokens: ArraySlice<Int>
    let loops: Int
    let chunkSize: Int
    private(set) var chunk: Range<Int>
    /// The loop the chunk's rows run next (1-based).
    private(set) var loop = 1
    private var slots: [Int] = []

    /// - Parameters:
    ///   - start: positions whose keys and values are there already.
    init(tokens: ArraySlice<Int>, loops: Int, chunkSize: Int, start: Int = 0) {
        chunk = start..<start
        self.tokens = tokens
        self.loops = loops
        self.chunkSize = chunkSize
    }

    var isDone: Bool { chunk.upperBound == tokens.count && slots.isEmpty }
    /// Whether a chunk is on its way through the loops.
    var isUnderWay: Bool { !slots.isEmpty }
    /// Whether everything but the last position's loops is behind, or the last chunk is on its way.
    var hasBegunLastChunk: Bool { chunk.upperBound == tokens.count }

    /// Positions that the next chunk may have if it takes `limit` more at most.
    func nextEnd(limit: Int) -> Int { min(chunk.upperBound + min(chunkSize, limit), tokens.count) }

    /// Begins the next chunk, up to `end`.
    mutating func begin(end: Int, states: RowStates) {
        assert(slots.isEmpty && end > chunk.upperBound && end <= tokens.count)
        chunk = chunk.upperBound..<end
        slots = chunk.map { _ in states.take() }
        loop = 1
    }

    /// The chunk's rows at its loop.
    func rows(cache: SequenceCache) -> [Row] {
        zip(chunk, slots).map { position, slot in
            Row(
                cache: cache, position: position, loop: loop, token: tokens[tokens.startIndex + position], slot: slot)
        }
    }

    /// Goes on to the next loop, or ends the chunk after the last.
    mutating func endPass(states: RowStates) {
        loop += 1
        if loop > loops { release(states) }
    }

    mutating func release(_ states: RowStates) {
        for slot in slots { states.giveBack(slot) }
        slots = []
    }
}
