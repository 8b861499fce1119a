/// What the model thinks of one position of a given text, loop by loop.
public struct ScoredPosition: Sendable, Equatable {
    public let position: Int
    public let token: Int
    /// Log-probability of `token` given all tokens before it, after every loop; nil at position 0.
    public let logProbabilities: [Float]?
    /// Gate probability lambda after every loop.
    public let gate: [Float]
    /// Probability of leaving at every loop.
    public let exitDistribution: [Float]
    /// The loop it leaves at under the request's exit policy (1-based).
    public let exitLoop: Int
    /// The most likely next token after every loop.
    public let argmax: [Int]
    /// The most likely next tokens at the exit loop, as many as were asked for.
    public let alternatives: [TokenAlternative]
}

/// Scores a given text: a prefill that reads out every row after every loop.
final class ScoringTask: SequenceTask {
    let maximumPositions: Int
    let loops: Int
    private let tokens: [Int]
    private let exit: ExitPolicy
    private let alternativeCount: Int
    private var alternatives: [[TokenAlternative]]
    private let cancelled: CancellationFlag
    private let deliver: @Sendable (Result<[ScoredPosition], OuroError>) -> Void
    private let progress: (@Sendable (Int) -> Void)?

    let cacheSalt: String
    let policy: KVPolicy
    let promptPositions: Int
    private var prefill: PrefillCursor
    private(set) var cache: SequenceCache?
    private(set) var rowCounts = RowCounts()
    // Positions whose results are there.
    private var scored = 0
    private var states: RowStates?
    private var trackers: [ExitTracker] = []
    private var argmax: [[Int]]
    // Log-probability of the token that follows each position.
    private var nextLogProbabilities: [[Float]]

    private var gates: [[Float]]
    private var distributions: [[Float]]
    private var exitLoops: [Int]

    init(
        tokens: [Int], loops: Int, exit: ExitPolicy, chunkSize: Int, cacheSalt: String, alternatives: Int = 0,
        policy: KVPolicy = .full, promptPositions: Int = .max, cancelled: CancellationFlag,
        progress: (@Sendable (Int) -> Void)?, deliver: @escaping @Sendable (Result<[ScoredPosition], OuroError>) -> Void
    ) {
        self.tokens = tokens
        self.loops = loops
        self.exit = exit
        self.cancelled = cancelled
        self.cacheSalt = cacheSalt
        self.policy = policy
        self.promptPositions = policy == .full ? tokens.count : min(promptPositions, tokens.count)
        self.deliver = deliver
        self.progress = progress
        maximumPositions = tokens.count
        prefill = PrefillCursor(
            tokens: tokens[...], loops: loops, chunkSize: chunkSize, prompt: self.promptPositions)
        alternativeCount = alternatives
        self.alternatives = Array(repeating: [], count: tokens.count)
        argmax = Array(repeating: [], count: tokens.count)
        nextLogProbabilities = Array(repeating: [], count: tokens.count)
        gates = Array(repeating: [], count: tokens.count)
        distributions = gates
        exitLoops = Array(repeating: loops, count: tokens.count)
    }

    var isCancelled: Bool { cancelled.isSet }

    var knownPositions: Int { tokens.count }
    /// What is to be scored must be computed: only what was scored before a preemption need not be again.
    var reusableTokens: ArraySlice<Int> { tokens[..<min(scored, promptPositions)] }

    func start(cache: SequenceCache, cached: Int, states: RowStates) {
        self.cache = cache
        self.states = states
        prefill = PrefillCursor(
            tokens: tokens[...], cached: cached, loops: loops, chunkSize: prefill.chunkSize, prompt: promptPositions)
        cache.complete(cached, loops: loops)
        for position in cached..<tokens.count { (argmax[position], nextLogProbabilities[position]) = ([], []) }
    }

    func preempt() {
        if let states { prefill.release(states) }
        cache?.release()
        cache = nil
    }

    var requiredPositions: Int { prefill.requiredPositions }

    var requiredRowCount: Int { prefill.isUnderWay ? prefill.chunk.count : 0 }

    func requiredRows() -> [Row] {
        guard let cache, prefill.isUnderWay else { return [] }
        return prefill.rows(cache: cache)
    }

    func prefillRows(limit: Int) -> [Row] {
        guard let states, let cache, !prefill.isUnderWay, !prefill.isDone else { return [] }
        prefill.begin(limit: limit, cache: cache, states: states)
        return requiredRows()
    }

    func draftRows(limit: Int) -> [Row] { [] }

    func absorb(_ outcomes: [RowOutcome]) throws(OuroError) -> [Int] {
        rowCounts.prefill += outcomes.count
        if prefill.loop == 1 { trackers = outcomes.map { _ in ExitTracker(loops: loops, policy: exit) } }
        for (index, outcome) in outcomes.enumerated() {
            guard outcome.gateLogit.isFinite else { throw nonFinite(prefill.chunk.lowerBound + index) }
            trackers[index].advance(outcome)
        }
        return Array(0..<outcomes.count)
    }

    func absorb(logits: UnsafeMutableBufferPointer<Float>, row: Int, kernels: Kernels) throws(OuroError) {
        let position = prefill.chunk.lowerBound + row
        guard let base = logits.baseAddress else { return }
        let best = kernels.table.argmax(base, logits.count)
        guard best >= 0 else { throw nonFinite(position) }
        argmax[position].append(Int(best))
        let normaliser = kernels.table.log_sum_exp(base, logits.count)
        if trackers[row].exitLoop == prefill.loop || trackers[row].exitLoop == nil && prefill.loop == loops {
            alternatives[position] = TokenAlternative.best(alternativeCount, of: logits, normaliser: normaliser)
        }
        if position + 1 < tokens.count {
            nextLogProbabilities[position].append(logits[tokens[position + 1]] - normaliser)
        }
    }

    func endPass() throws(OuroError) -> Bool {
        guard let states else { return true }
        let ran = prefill.loop
        let leaves = policy.sharesLoops && prefill.isAfterPrompt && trackers.first?.exitLoop != nil
        if ran == loops || leaves {
            for (position, tracker) in zip(prefill.chunk, trackers) {
                gates[position] = tracker.lambdas
                distributions[position] = tracker.distribution
                exitLoops[position] = tracker.exitLoop ?? loops
            }
            if prefill.chunk.upperBound > scored {
                scored = prefill.chunk.upperBound
                progress?(scored)
            }
        }
        prefill.endPass(states: states, leaves: leaves)
        cache?.publish(tokens[...], completed: min(prefill.completed, promptPositions))
        if !prefill.isUnderWay { cache?.complete(prefill.completed, loops: ran) }
        return prefill.isDone
    }

    func finish(_ error: OuroError?) {
        preempt()
        if let error { return deliver(.failure(error)) }
        guard prefill.isDone else { return deliver(.success([])) }
        let positions = tokens.indices.map { position in
            ScoredPosition(
                position: position, token: tokens[position],
                logProbabilities: position == 0 ? nil : nextLogProbabilities[position - 1], gate: gates[position],
                exitDistribution: distributions[position], exitLoop: exitLoops[position], argmax: argmax[position],
                alternatives: alternatives[position])
        }
        deliver(.success(positions))
    }

    private func nonFinite(_ position: Int) -> OuroError {
        OuroError(
            .nonFinite, field: "position \(position)",
            "the model produced a value that is not a finite number; its weights are damaged or overflow")
    }
}
