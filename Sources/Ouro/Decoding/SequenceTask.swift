/// A sequence's way through the model, one pass after the other.
///
/// The scheduler asks for rows, runs the pass, then hands back what came out, in the order the rows were given. A task
/// never sees other tasks' rows.
protocol SequenceTask: AnyObject {
    /// Positions and loops the task can need at most.
    var maximumPositions: Int { get }
    var loops: Int { get }
    /// Positions whose tokens are known: those of the prompt, and what has come out since.
    var knownPositions: Int { get }
    /// The first tokens, as far as it does not matter whether their positions are computed or found in the cache.
    var reusableTokens: ArraySlice<Int> { get }
    /// Requests with different salts share nothing.
    var cacheSalt: String { get }
    /// What is kept of keys and values after ``promptPositions`` positions.
    var policy: KVPolicy { get }
    /// Positions that run with full keys and values, whatever the policy.
    var promptPositions: Int { get }
    /// What it keeps of keys and values, while it is live.
    var cache: SequenceCache? { get }
    /// All rows so far, by kind.
    var rowCounts: RowCounts { get }
    /// Whether the receiver has lost interest.
    var isCancelled: Bool { get }
    /// Called before the first pass, and again after every preemption. The first `cached` positions of the cache are through
    /// all loops.
    func start(cache: SequenceCache, cached: Int, states: RowStates)
    /// Gives cache and row states back between two passes; what has come out stays. ``start(cache:cached:states:)`` goes on.
    func preempt()

    /// Positions that the cache must have room for if the task is to get on. Rows without room are left out of a pass.
    var requiredPositions: Int { get }
    /// Rows of work that has begun: rows on final tokens, and the rest of a chunk's loops. All or none go into a pass.
    var requiredRowCount: Int { get }
    func requiredRows() -> [Row]
    /// Begins the next chunk of the prompt, with at most `limit` (at least 1) positions; empty if there is none to begin.
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
/// All rows of a chunk run loop r together, then loop r + 1. After the prompt a chunk is one position, if what is kept of it
/// is not all (``KVPolicy``).
struct PrefillCursor {
    let tokens: ArraySlice<Int>
    let loops: Int
    let chunkSize: Int
    let prompt: Int
    private(set) var chunk: Range<Int> = 0..<0
    /// The loop the chunk's rows run next (1-based).
    private(set) var loop = 1
    private var slots: [Int] = []

    /// - Parameters:
    ///   - cached: positions at the beginning that are through all loops already.
    ///   - prompt: positions that may run together.
    init(tokens: ArraySlice<Int>, cached: Int = 0, loops: Int, chunkSize: Int, prompt: Int = .max) {
        self.tokens = tokens
        self.prompt = prompt
        self.loops = loops
        self.chunkSize = chunkSize
        chunk = cached..<cached
    }

    var isDone: Bool { chunk.upperBound == tokens.count && slots.isEmpty }
    /// Whether a chunk is on its way through the loops.
    var isUnderWay: Bool { !slots.isEmpty }
    /// Whether everything but the last position's loops is behind, or the last chunk is on its way.
    var hasBegunLastChunk: Bool { chunk.upperBound == tokens.count }

    /// Whether the chunk is one position after the prompt.
    var isAfterPrompt: Bool { chunk.lowerBound >= prompt }

    /// Positions that are through all loops.
    var completed: Int { isUnderWay ? chunk.lowerBound : chunk.upperBound }
    /// Positions that need room for the cursor to get on.
    var requiredPositions: Int { isUnderWay || isDone ? chunk.upperBound : chunk.upperBound + 1 }

    /// Begins the next chunk, with at most `limit` positions, and no more than the cache has room for.
    mutating func begin(limit: Int, cache: SequenceCache, states: RowStates) {
        assert(slots.isEmpty)
        let start = chunk.upperBound
        let size = start < prompt ? min(chunkSize, limit, prompt - start) : 1
        chunk = start..<max(start, cache.reserve(upTo: min(start + size, tokens.count)))
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

    /// Goes on to the next loop, or ends the chunk after the last or if it `leaves`.
    mutating func endPass(states: RowStates, leaves: Bool = false) {
        loop += 1
        if loop > loops || leaves { release(states) }
    }

    mutating func release(_ states: RowStates) {
        for slot in slots { states.giveBack(slot) }
        slots = []
    }
}
