/// A generation: the prompt in chunks, then rows on final tokens and, ahead of them, rows on guesses.
///
/// After every loop that is read out, a row's most likely next token (by the request's own sampler, with the noise of that
/// position) is its successor's input. A guess that changes costs the rows that were built on it, never the output: a token
/// comes out when its row's exit loop has run and every token before it is out.
final class GenerationTask: SequenceTask {
    let maximumPositions: Int
    let loops: Int
    private let continuation: AsyncThrowingStream<GeneratedToken, any Error>.Continuation
    private let cancelled: CancellationFlag
    private let request: ResolvedRequest
    private let promptCount: Int
    // The prompt and what has come out since.
    private var tokens: [Int]

    private var prefill: PrefillCursor
    private var sampler: Sampler
    private var lookup: PromptLookup
    private var text: TextAssembler
    private(set) var cache: SequenceCache?
    private var states: RowStates?
    private var wave: Wavefront?
    private var guessRate: GuessRate

    /// The last position whose token is final.
    private var finalPosition: Int
    private var finished = false
    private let submitted = ContinuousClock.now
    private var firstToken: ContinuousClock.Instant?
    private var statistics: GenerationStatistics
    private var trace = GenerationTrace()
    private var unchanged: [Float] = []
    private var weighted: [Int: [Float]] = [:]
    // How far the position of a chunk after the prompt has come.
    private var tracker: ExitTracker?
    // What the pass under way has of this task.
    private var passChunk = 0
    private var passWave = 0
    /// Whether it has room for guesses.
    private var passMayGuess = false

    init(
        prompt: [Int], request: ResolvedRequest,
        continuation: AsyncThrowingStream<GeneratedToken, any Error>.Continuation,
        cancelled: CancellationFlag
    ) {
        self.request = request
        loops = request.loops
        promptCount = prompt.count
        tokens = prompt
        maximumPositions = prompt.count + request.maxTokens
        prefill = PrefillCursor(tokens: prompt.dropLast(), loops: request.loops, chunkSize: request.prefillChunk)
        sampler = Sampler(request.sampling, prompt: prompt)
        lookup = PromptLookup(prompt: prompt, limit: request.draftTokens)
        text = request.text
        statistics = GenerationStatistics(loops: request.loops)
        guessRate = GuessRate(loops: request.loops)
        finalPosition = prompt.count - 1
        self.continuation = continuation
        self.cancelled = cancelled
    }

    var isCancelled: Bool { cancelled.isSet }

    var knownPositions: Int { tokens.count }
    var policy: KVPolicy { request.kvPolicy }
    var promptPositions: Int { policy == .full ? maximumPositions : promptCount }
    /// All but the last position, whose logits are needed.
    var reusableTokens: ArraySlice<Int> { tokens.dropLast().prefix(promptPositions) }
    var cacheSalt: String { request.cacheSalt }
    var rowCounts: RowCounts { statistics.rowCounts }

    func start(cache: SequenceCache, cached: Int, states: RowStates) {
        self.cache = cache
        self.states = states
        if statistics.preemptions == 0 { statistics.cachedPromptTokens = cached }
        prefill = PrefillCursor(
            tokens: tokens.dropLast(), cached: cached, loops: loops, chunkSize: request.prefillChunk,
            prompt: promptPositions)
        cache.complete(cached, loops: loops)
        wave = Wavefront(states: states)
        if prefill.isDone { beginDecoding() }
    }

    func preempt() {
        statistics.preemptions += 1
        releaseMemory()
    }

    private func releaseMemory() {
        if let states { prefill.release(states) }
        _ = wave?.drop(from: 0)
        weighted = [:]
        cache?.release()
        (cache, wave) = (nil, nil)
    }

    /// The last known position decides the next token; it goes along with the last chunk.
    private func beginDecoding() {
        wave?.append(position: tokens.count - 1, token: tokens[tokens.count - 1], tracker: newTracker())
    }

    private func newTracker() -> ExitTracker { ExitTracker(loops: loops, policy: request.exit) }

    // MARK: rows

    /// Rows on final tokens that are not through, and have room.
    private var finalRowCount: Int {
        guard let wave, let cache else { return 0 }
        let end = min(finalPosition + 1, cache.room)
        return wave.rows.prefix { $0.position < end && $0.loop <= loops }.count
    }

    var requiredPositions: Int {
        let needed = prefill.hasBegunLastChunk ? finalPosition + 1 : prefill.requiredPositions
        // Before the prompt is through, no more than the prompt.
        return cache?.isCollapsed == true ? needed : min(needed, promptPositions)
    }

    var requiredRowCount: Int { (prefill.isUnderWay ? prefill.chunk.count : 0) + finalRowCount }

    func requiredRows() -> [Row] {
        guard let cache else { return [] }
        let chunk = prefill.isUnderWay ? prefill.rows(cache: cache) : []
        passChunk = chunk.count
        passWave = finalRowCount
        passMayGuess = false
        return chunk + waveRows(0..<passWave)
    }

    func prefillRows(limit: Int) -> [Row] {
        guard let states, let cache, !prefill.isUnderWay, !prefill.isDone else { return [] }
        prefill.begin(limit: limit, cache: cache, states: states)
        if prefill.hasBegunLastChunk, finalPosition < promptPositions { beginDecoding() }
        return requiredRows()
    }

    func draftRows(limit: Int) -> [Row] {
        guard let wave, let cache, request.wavefront else { return [] }
        passMayGuess = limit > 0
        let first = passWave
        while passWave < wave.count, passWave - first < limit,
            cache.reserve(upTo: wave[passWave].position + 1) > wave[passWave].position
        {
            passWave += 1
        }
        return waveRows(first..<passWave)
    }

    private func waveRows(_ indices: Range<Int>) -> [Row] {
        guard let cache, let wave else { return [] }
        return indices.map { index in
            let row = wave[index]
            return Row(cache: cache, position: row.position, loop: row.loop, token: row.token, slot: row.slot)
        }
    }

    // MARK: what comes out

    func absorb(_ outcomes: [RowOutcome]) throws(OuroError) -> [Int] {
        statistics.passes += 1
        statistics.prefillRows += passChunk
        if let bad = outcomes.prefix(passChunk).firstIndex(where: { !$0.gateLogit.isFinite }) {
            throw nonFinite(prefill.chunk.lowerBound + bad)
        }
        if prefill.isUnderWay, prefill.isAfterPrompt {
            if prefill.loop == 1 { tracker = newTracker() }
            tracker?.advance(outcomes[0])
        }
        var wanted: [Int] = []
        for index in 0..<passWave {
            guard let row = wave?[index] else { break }
            count(row, at: index)
            let outcome = outcomes[passChunk + index]
            guard outcome.gateLogit.isFinite else {
                // A guess that leads nowhere is no error: it may be dropped yet.
                if row.position <= finalPosition { throw nonFinite(row.position) }
                dropRows(from: index)
                passWave = index
                break
            }
            wave?[index].tracker.advance(outcome)
            wave?[index].loop += 1
            // Where there is no room for guesses, none is worth its logits.
            let guesses = passMayGuess && guessRate.isWorthReading(loop: row.loop, position: row.position)
            if !row.isDecided, guesses || request.everyLoop || (wave?[index].tracker.needsLogits ?? false) {
                wanted.append(passChunk + index)
            }
        }
        return wanted
    }

    func absorb(logits: UnsafeMutableBufferPointer<Float>, row: Int, kernels: Kernels) throws(OuroError) {
        let index = row - passChunk
        // Dropped meanwhile because an older row changed its mind.
        guard !finished, let wave, index < wave.count, let base = logits.baseAddress else { return }
        var row = wave[index]
        guard kernels.table.argmax(base, logits.count) >= 0 else {
            if row.position <= finalPosition { throw nonFinite(row.position) }
            return dropRows(from: index)
        }
        if request.everyLoop {
            let normaliser = kernels.table.log_sum_exp(base, logits.count)
            row.logProbabilities.append(logits.map { $0 - normaliser })
        }
        if request.exit == .weighted { average(logits, of: row) }
        row.isDecided = row.tracker.exitLoop != nil
        let normaliser = kernels.table.log_sum_exp(base, logits.count)
        row.alternatives =
            row.isDecided ? TokenAlternative.best(request.alternatives, of: logits, normaliser: normaliser) : []
        let token: Int
        if sampler.takesLargestLogit, !isRestricted(at: row.position) {
            token = Int(kernels.table.argmax(base, logits.count))
            row.logProbability = logits[token] - normaliser
        } else {
            unchanged.removeAll(keepingCapacity: true)
            unchanged.append(contentsOf: logits)
            // The tokens between the last final one and this row's are guesses.
            let pending = wave.rows[...index].filter { $0.position > finalPosition }.map(\.token)
            restrict(logits, at: row.position, pending: pending)
            token = sampler.choose(logits, position: row.position + 1, pending: pending)
            row.logProbability = unchanged[token] - normaliser
        }
        row.guess = token
        row.guesses += Array(repeating: nil, count: row.tracker.lambdas.count - 1 - row.guesses.count) + [token]
        self.wave?[index] = row
        if index + 1 < wave.count, wave[index + 1].token != token { dropRows(from: index + 1) }
    }

    private func isRestricted(at position: Int) -> Bool {
        request.constraint != nil || position + 1 - promptCount < request.minTokens
    }

    /// Rules out what may not follow a position. A text that its constraint has brought to its end ends before its minimum.
    private func restrict(_ logits: UnsafeMutableBufferPointer<Float>, at position: Int, pending: [Int]) {
        request.constraint?.restrict(logits, after: tokens[promptCount...] + pending)
        guard position + 1 - promptCount < request.minTokens,
            logits.indices.contains(where: { logits[$0] > -.infinity && !request.endTokens.contains($0) })
        else { return }
        for token in request.endTokens { logits[token] = -.infinity }
    }

    /// Replaces logits by the average of all loops' so far, weighted by their exit probabilities; what has not run yet counts
    /// as the loop at hand, so that at the last loop it is the reference's weighted exit.
    private func average(_ logits: UnsafeMutableBufferPointer<Float>, of row: WaveRow) {
        let probability = row.tracker.distribution[row.tracker.distribution.count - 1]
        var sum = row.tracker.lambdas.count == 1 ? [] : weighted[row.position] ?? []
        if sum.isEmpty { sum = Array(repeating: 0, count: logits.count) }
        for index in sum.indices { sum[index] += probability * logits[index] }
        let rest = row.tracker.exitLoop == nil ? row.tracker.remaining : 0
        if rest > 0 {
            for index in sum.indices { logits[index] = sum[index] + rest * logits[index] }
        } else {
            _ = logits.update(fromContentsOf: sum)
        }
        weighted[row.position] = row.tracker.exitLoop == nil ? sum : nil
    }

    private func dropRows(from index: Int) {
        for row in wave?.drop(from: index) ?? [] {
            statistics.droppedRows += row.loop - 1
            for index in row.traced { trace.rows[index].isDropped = true }
        }
    }

    private func count(_ row: WaveRow, at index: Int) {
        let kind: GenerationTrace.Kind =
            row.position > finalPosition ? .draft : row.isDecided ? .filler : .decode
        switch kind {
        case .draft: statistics.draftRows += 1
        case .filler: statistics.fillerRows += 1
        case .decode: statistics.decodeRows += 1
        }
        guard request.traces else { return }
        wave?[index].traced.append(trace.rows.count)
        trace.rows.append(
            .init(pass: statistics.passes, position: row.position, loop: row.loop, kind: kind))
    }

    func endPass() throws(OuroError) -> Bool {
        guard let states else { return true }
        commit()
        if prefill.isUnderWay { endChunkPass(states) }
        cache?.publish(tokens[...], completed: min(completedPositions, promptPositions))
        if finished { return true }
        guard policy == .full else {
            goOnAlone()
            return false
        }
        extend()
        wave?.retire(before: finalPosition, loops: loops)
        return false
    }

    private func endChunkPass(_ states: RowStates) {
        let ran = prefill.loop
        prefill.endPass(
            states: states,
            leaves: prefill.isAfterPrompt && policy.sharesLoops && tracker?.exitLoop != nil)
        if !prefill.isUnderWay { cache?.complete(prefill.completed, loops: ran) }
    }

    /// Without full keys and values a row starts when its predecessor is through.
    private func goOnAlone() {
        guard let row = wave?.rows.first else {
            if prefill.isDone { beginDecoding() }
            return
        }
        let leavesEarly = policy.sharesLoops && row.position >= promptCount
        guard row.position < finalPosition, row.loop > loops || leavesEarly else { return }
        cache?.complete(row.position + 1, loops: row.loop - 1)
        extend()
        wave?.retireFirst()
    }

    /// Positions with final tokens that are through all loops: nothing writes to them any more.
    private var completedPositions: Int {
        guard prefill.isDone, let wave else { return prefill.completed }
        let through = wave.rows.prefix { $0.loop > loops && $0.position <= finalPosition }.count
        return through == 0 ? wave.rows.first?.position ?? 0 : wave[through - 1].position + 1
    }

    /// Puts out the tokens of decided rows whose input is final, oldest first.
    private func commit() {
        while !finished, let row = wave?.rows.first(where: { $0.position == finalPosition }), row.isDecided,
            let token = row.guess
        {
            for (loop, guess) in row.guesses.enumerated() where guess != nil {
                statistics.guesses[loop] += 1
                if guess == token { statistics.rightGuesses[loop] += 1 }
                guessRate.record(loop: loop + 1, isRight: guess == token)
            }
            emit(token, row: row)
            finalPosition += 1
        }
    }

    private func emit(_ token: Int, row: WaveRow) {
        let now = ContinuousClock.now
        if firstToken == nil { statistics.timeToFirstToken = now - submitted }
        firstToken = firstToken ?? now
        statistics.timeAfterFirstToken = now - (firstToken ?? now)
        tokens.append(token)
        sampler.append(token)
        lookup.append(token)
        let isEnd = request.endTokens.contains(token)
        var (shown, stopped) = text.append(token)
        var reason: FinishReason?
        if isEnd || stopped {
            reason = .stop
        } else if row.position + 1 == maximumPositions - 1 {
            reason = .length
        }
        if reason != nil && !stopped { shown += text.finish() }
        finished = reason != nil
        statistics.cacheBytes = cache?.byteCount ?? 0
        continuation.yield(
            GeneratedToken(
                position: row.position + 1, id: token, text: shown, logProbability: row.logProbability,
                exitLoop: row.tracker.exitLoop ?? loops, exitDistribution: row.tracker.exitDistribution,
                gate: row.tracker.gateAtExit, loopLogProbabilities: row.logProbabilities.map { $0[token] },
                alternatives: row.alternatives,
                passes: statistics.passes, finishReason: reason, statistics: reason == nil ? nil : statistics,
                trace: reason != nil && request.traces ? trace : nil))
    }

    /// Starts the successor of the youngest row, once there is a token for it.
    private func extend() {
        guard let last = wave?.rows.last, let guess = last.guess, request.wavefront || last.isDecided else { return }
        guard last.position + 1 < maximumPositions - 1, !request.endTokens.contains(guess) else { return }
        wave?.append(position: last.position + 1, token: guess, tracker: newTracker())
        guard request.wavefront, request.draftTokens > 0 else { return }
        let pending = wave?.rows.filter { $0.position > finalPosition }.map(\.token) ?? []
        for (offset, token) in lookup.proposal(after: pending).enumerated() {
            let position = last.position + 2 + offset
            guard position < maximumPositions - 1, !request.endTokens.contains(token) else { break }
            wave?.append(position: position, token: token, tracker: newTracker())
        }
    }

    func finish(_ error: OuroError?) {
        releaseMemory()
        continuation.finish(throwing: error)
    }

    private func nonFinite(_ position: Int) -> OuroError {
        OuroError(
            .nonFinite, field: "position \(position)",
            "the model produced a value that is not a finite number; its weights are damaged or overflow")
    }
}
