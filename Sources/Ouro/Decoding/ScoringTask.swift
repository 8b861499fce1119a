/// The predictions of the model at one position of a given text, loop by loop.
public struct ScoredPosition: Sendable, Equatable {
    /// The position, counted from 0.
    public let position: Int
    /// The token at this position.
    public let token: Int
    /// Log-probability of `token` after every loop, given all earlier tokens. Nil at position 0.
    public let logProbabilities: [Float]?
    /// Gate probability lambda after every loop.
    public let gate: [Float]
    /// Exit probability of every loop.
    public let exitDistribution: [Float]
    /// The loop at which the position exits under the request's exit policy (1-based).
    public let exitLoop: Int
    /// The most likely next token after every loop.
    public let argmax: [Int]
    /// The most likely next tokens at the exit loop, as many as the request asks for.
    public let alternatives: [TokenAlternative]
}

/// Scores a given text. It is a prefill that reads out every row after every loop.
package final class ScoringTask: SequenceTask {
    package let demand: SequenceDemand
    private let request: ResolvedScoring
    private let cancelled: AtomicFlag
    private let deliver: @Sendable (Result<[ScoredPosition], OuroError>) -> Void

    private var sequence: SequenceCache?
    private var slots: SlotAllocator?
    private var prefill: PrefillCursor
    private var rowCounts = RowCounts()
    // The exits of the rows in the current chunk.
    private var trackers: [ExitTracker] = []
    /// Positions, from the first on, whose results are complete.
    private var scored = 0
    private var positions: [Position]

    /// The results for one position so far.
    private struct Position {
        var argmax: [Int] = []
        /// Log-probabilities of the next token.
        var nextLogProbabilities: [Float] = []
        var alternatives: [TokenAlternative] = []
        var tracker: ExitTracker?
    }

    package init(
        _ request: ResolvedScoring, cancelled: AtomicFlag,
        deliver: @escaping @Sendable (Result<[ScoredPosition], OuroError>) -> Void
    ) {
        self.request = request
        self.cancelled = cancelled
        self.deliver = deliver
        let count = request.tokens.count
        demand = SequenceDemand(
            maximumPositions: count, loops: request.loops, policy: request.kvPolicy,
            promptPositions: request.kvPolicy == .full ? count : min(request.promptTokens, count),
            cacheSalt: request.cacheSalt)
        prefill = PrefillCursor(tokens: request.tokens[...], loops: request.loops, chunkSize: request.prefillChunk)
        positions = Array(repeating: Position(), count: count)
    }

    package var progress: SequenceProgress {
        var progress = SequenceProgress()
        progress.knownPositions = request.tokens.count
        progress.requiredPositions = prefill.requiredPositions
        progress.requiredRows = prefill.isUnderWay ? prefill.chunk.count : 0
        progress.nextChunk = prefill.nextChunk
        progress.rowCounts = rowCounts
        progress.isCancelled = cancelled.isSet
        return progress
    }

    /// Only positions that were scored before a preemption may come from the cache. All others must be computed.
    package var reusableTokens: ArraySlice<Int> { request.tokens[..<min(scored, demand.promptPositions)] }

    package func start(_ sequence: SequenceCache, cached: Int, slots: SlotAllocator) {
        self.sequence = sequence
        self.slots = slots
        prefill = PrefillCursor(
            tokens: request.tokens[...], cached: cached, loops: demand.loops, chunkSize: request.prefillChunk,
            prompt: demand.promptPositions)
        sequence.complete(cached, loops: demand.loops)
        for position in cached..<positions.count { positions[position] = Position() }
    }

    package func preempt() {
        if let slots { prefill.release(slots) }
        sequence?.release()
        (sequence, slots) = (nil, nil)
    }

    package func rows(_ share: RowShare) -> [Row] {
        guard let sequence, let slots else { return [] }
        switch share {
        case .required: break
        case .chunk(let end): prefill.begin(end: end, slots: slots)
        case .guesses: return []
        }
        return prefill.isUnderWay ? prefill.rows(table: sequence.table) : []
    }

    package func absorb(_ outcomes: ArraySlice<RowOutcome>) throws(OuroError) -> [Readout] {
        rowCounts.prefill += outcomes.count
        let isFirst = prefill.loop == 1
        if isFirst { trackers = outcomes.map { _ in ExitTracker(loops: demand.loops, policy: request.exit) } }
        var readouts: [Readout] = []
        for (index, outcome) in outcomes.enumerated() {
            let position = prefill.chunk.lowerBound + index
            guard outcome.gateLogit.isFinite else { throw .notFinite(position: position) }
            trackers[index].advance(outcome)
            var readout = Readout(slot: prefill.chunkSlots[index])
            readout.reportsLogProbability = false
            let exit = trackers[index].exitLoop ?? demand.loops
            if exit == prefill.loop { readout.alternatives = request.alternatives }
            if position + 1 < request.tokens.count { readout.target = request.tokens[position + 1] }
            readouts.append(readout)
        }
        return readouts
    }

    package func absorb(_ results: ArraySlice<ReadoutResult>) throws(OuroError) -> Bool {
        guard let slots else { return true }
        for (position, result) in zip(prefill.chunk, results) {
            guard let token = result.token else { throw .notFinite(position: position) }
            positions[position].argmax.append(token)
            if let logProbability = result.targetLogProbability {
                positions[position].nextLogProbabilities.append(logProbability)
            }
            if !result.alternatives.isEmpty { positions[position].alternatives = result.alternatives }
        }
        let ran = prefill.loop
        let leaves = demand.policy.sharesLoops && prefill.isAfterPrompt && trackers.first?.exitLoop != nil
        if ran == demand.loops || leaves {
            for (position, tracker) in zip(prefill.chunk, trackers) { positions[position].tracker = tracker }
            if prefill.chunk.upperBound > scored {
                scored = prefill.chunk.upperBound
                request.progress?(scored)
            }
        }
        prefill.endPass(slots: slots, leaves: leaves)
        sequence?.publish(request.tokens[...], completed: min(prefill.completed, demand.promptPositions))
        if !prefill.isUnderWay { sequence?.complete(prefill.completed, loops: ran) }
        return prefill.isDone
    }

    package func finish(_ error: OuroError?) {
        preempt()
        if let error { return deliver(.failure(error)) }
        deliver(.success(prefill.isDone ? result : []))
    }

    private var result: [ScoredPosition] {
        positions.indices.map { index in
            let position = positions[index]
            return ScoredPosition(
                position: index, token: request.tokens[index],
                logProbabilities: index == 0 ? nil : positions[index - 1].nextLogProbabilities,
                gate: position.tracker?.lambdas ?? [], exitDistribution: position.tracker?.distribution ?? [],
                exitLoop: position.tracker?.exitLoop ?? demand.loops, argmax: position.argmax,
                alternatives: position.alternatives)
        }
    }
}
