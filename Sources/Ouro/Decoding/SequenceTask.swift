/// One request's way through the model, seen by the scheduler.
///
/// The scheduler asks a task for rows, runs the pass, and hands the results back in the order of the rows. A task never
/// sees the rows of other tasks. It never takes pages from the cache: the scheduler reserves them (``Scheduler/plan()``).
package protocol SequenceTask: AnyObject {
    /// What the task needs at most. Fixed when the task is made.
    var demand: SequenceDemand { get }
    /// What the task needs now. Changes from pass to pass.
    var progress: SequenceProgress { get }
    /// The known tokens whose positions the task may find in the prefix cache instead of computing them.
    var reusableTokens: ArraySlice<Int> { get }

    /// Called before the first pass, and again after every preemption. The first `cached` positions of the sequence have
    /// run all loops.
    func start(_ sequence: SequenceCache, cached: Int, slots: SlotAllocator)
    /// Gives cache and slots back between two passes. Tokens that are out stay. `start` continues.
    func preempt()

    /// The task's rows for the next pass, one share at a time, in the order of the cases of ``RowShare``.
    func rows(_ share: RowShare) -> [Row]
    /// Takes the outcomes of the task's rows. Returns the readouts it needs.
    func absorb(_ outcomes: ArraySlice<RowOutcome>) throws(OuroError) -> [Readout]
    /// Takes the results of these readouts; called in every pass. Returns whether the task is done.
    func absorb(_ results: ArraySlice<ReadoutResult>) throws(OuroError) -> Bool
    /// Called once, at the end, with the error if there was one.
    func finish(_ error: OuroError?)
}

/// What a task needs of the cache at most.
package struct SequenceDemand: Sendable {
    let maximumPositions: Int
    let loops: Int
    /// What stays of keys and values after the first ``promptPositions`` positions.
    let policy: KVPolicy
    /// Positions that run with full keys and values, whatever the policy.
    let promptPositions: Int
    /// Requests with different salts share no cached pages.
    let cacheSalt: String
}

/// What a task needs between two passes.
package struct SequenceProgress: Sendable {
    /// Positions whose tokens are known: the prompt, and the tokens generated since.
    var knownPositions = 0
    /// Positions that need room in the cache before the task can continue.
    var requiredPositions = 0
    /// Rows of work that has begun: rows on final tokens, and the loops that a prefill chunk still has to run. They have
    /// room. All of them go into a pass, or none.
    var requiredRows = 0
    /// The positions of the next prefill chunk; empty if no chunk can begin.
    var nextChunk = 0..<0
    /// The positions of rows on guesses; empty if there are none.
    var guesses = 0..<0
    /// Rows so far.
    var rowCounts = RowCounts()
    /// Whether the receiver has lost interest.
    var isCancelled = false
}

/// One share of a task's rows in a pass.
package enum RowShare: Sendable {
    /// Rows of work that has begun.
    case required
    /// The first loop of the next prefill chunk, up to position `end`. The positions have room.
    case chunk(end: Int)
    /// At most `limit` rows on guesses, as far as they have room.
    case guesses(limit: Int)
}
