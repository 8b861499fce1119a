/// One request, as the scheduler sees it.
///
/// The scheduler asks a task for rows, runs the pass, and returns the results in the order of the rows. A task never
/// sees the rows of other tasks. It never takes pages from the cache: only the scheduler reserves them.
package protocol SequenceTask: AnyObject {
    /// The most that the task can need. It does not change.
    var demand: SequenceDemand { get }
    /// The present needs of the task. They change from pass to pass.
    var progress: SequenceProgress { get }
    /// The known tokens whose positions may come from the prefix cache.
    var reusableTokens: ArraySlice<Int> { get }

    /// Called before the first pass, and again after every preemption. The first `cached` positions of the sequence
    /// have run all loops.
    func start(_ sequence: SequenceCache, cached: Int, slots: SlotAllocator)
    /// Gives cache and slots back between two passes. Emitted tokens stay. `start` resumes the task.
    func preempt()

    /// The rows of one share for the next pass. The shares are asked for in the order of the cases of `RowShare`.
    func rows(_ share: RowShare) -> [Row]
    /// Takes the outcomes of the task's rows. Returns the readouts that the task needs.
    func absorb(_ outcomes: ArraySlice<RowOutcome>) throws(OuroError) -> [Readout]
    /// Takes the results of these readouts. Called in every pass. Returns whether the task is finished.
    func absorb(_ results: ArraySlice<ReadoutResult>) throws(OuroError) -> Bool
    /// Called once, at the end. The error is nil if the task finished or was cancelled.
    func finish(_ error: OuroError?)
}

/// The most that a task can need from the cache.
package struct SequenceDemand: Sendable {
    let maximumPositions: Int
    let loops: Int
    /// The cache policy after the first `promptPositions` positions.
    let policy: KVPolicy
    /// Positions, from the first on, that run with full keys and values under any policy.
    let promptPositions: Int
    /// Requests with different salts share no cached pages.
    let cacheSalt: String
}

/// The needs of a task between two passes.
package struct SequenceProgress: Sendable {
    /// Positions whose tokens are known: the prompt, and the tokens generated so far.
    var knownPositions = 0
    /// Positions that need room in the cache before the task can continue.
    var requiredPositions = 0
    /// Rows of work that has begun: rows on final tokens, and the current loop of a prefill chunk. They have room. They
    /// run in the same pass, all or none.
    var requiredRows = 0
    /// The positions of the next prefill chunk. Empty if no chunk can begin.
    var nextChunk = 0..<0
    /// The positions of rows on guesses. Empty if there are none.
    var guesses = 0..<0
    /// Rows that have run so far.
    var rowCounts = RowCounts()
    /// Whether the receiver has cancelled the request.
    var isCancelled = false
    /// Whether the receiver is slow, so that the task gives no rows.
    var isPaused = false

    var isRunnable: Bool { isCancelled || !isPaused }
}

/// One share of a task's rows in a pass.
package enum RowShare: Sendable {
    /// Rows of work that has begun.
    case required
    /// Rows of the first loop of the next prefill chunk, up to position `end`. The positions have room.
    case chunk(end: Int)
    /// At most `limit` rows on guesses. Rows without room are left out.
    case guesses(limit: Int)
}
