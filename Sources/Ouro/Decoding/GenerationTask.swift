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
    /// Prompt and output.
    private var tokens: [Int]

    private var prefill: PrefillCursor
    private var sampler: Sampler
    private var lookup: PromptLookup
    private var text: TextAssembler
    private var cache: SequenceCache?
    private var states: RowStates?
    private var wave: Wavefront?

    /// The last position whose token is final.
    private var finalPosition: Int
    private var finished = false
    private let submitted = ContinuousClock.now
    private var firstToken: ContinuousClock.Instant?
    private var costs: GenerationStatistics
    var statistics: GenerationStatistics? { costs }
    private var trace = GenerationTrace()
    private var unchanged: [Float] = []
    private var weighted: [Int: [Float]] = [:]
    // What the pass under way has of this task.
    private var passChunk = 0
    private var passWave = 0

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
        costs = GenerationStatistics(loops: request.loops)
        finalPosition = prompt.count - 1
        self.continuation = continuation
        self.cancelled = cancelled
    }

    var isCancelled: Bool { cancelled.isSet }

    var knownPositions: Int { tokens.count }
    var cacheSalt: String { request.cacheSalt }

    func start(cache: SequenceCache, states: RowStates) {
        self.cache = cache
        self.states = states
        wave = Wavefront(states: states)
        // The last position is run in any case: its logits are wanted.
        let known = tokens.count - 1
        let shared = cache.adopt(tokens, limit: known)
        prefill = PrefillCursor(
            tokens: tokens[..<known], loops: loops, chunkSize: request.prefillChunk, start: shared)
        if costs.passes == 0 { costs.cachedPromptTokens = shared }
        if prefill.isDone { beginDecoding() }
    }

    /// The last known token decides the next one; its row goes along with the last chunk.
    private func beginDecoding() {
        wave?.append(position: finalPosition, token: tokens[finalPosition], tracker: newTracker())
    }

    func prepare() -> Bool {
        guard let cache else { return true }
        if finalRowCount > 0 { return cache.prepare(finalPosition + 1) }
        return prefill.isUnderWay || cache.prepare(prefill.chunk.upperBound + 1)
    }

    func suspend() {
        if let states { prefill.release(states) }
        dropRows(from: 0)
        weighted = [:]
        cache = nil
        costs.preemptions += 1
    }

    private func newTracker() -> ExitTracker { ExitTracker(loops: loops, policy: request.exit) }

    // MARK: rows

    private var finalRowCount: Int { wave?.rows.prefix { $0.position <= finalPosition && $0.loop <= loops }.count ?? 0 }

    var requiredRowCount: Int { (prefill.isUnderWay ? prefill.chunk.count : 0) + finalRowCount }

    func requiredRows() -> [Row] {
        guard let cache else { return [] }
        let chunk = prefill.isUnderWay ? prefill.rows(cache: cache) : []
        passChunk = chunk.count
        passWave = finalRowCount
        return chunk + waveRows(0..<passWave)
    }

    func prefillRows(limit: Int) -> [Row] {
        guard let states, let cache, !prefill.isUnderWay, !prefill.isDone else { return [] }
        // With the last chunk goes the position after it.
        let end = prefill.nextEnd(limit: limit)
        if !cache.prepare(end == prefill.tokens.count ? end + 1 : end) {
            let room = min(end, cache.positionLimit)
            let fits = room == prefill.tokens.count ? room - 1 : room
            guard fits > prefill.chunk.upperBound else { return [] }
            prefill.begin(end: fits, states: states)
            return requiredRows()
        }
        prefill.begin(end: end, states: states)
        if prefill.hasBegunLastChunk { beginDecoding() }
        return requiredRows()
    }

    func draftRows(limit: Int) -> [Row] {
        guard let wave, let cache, request.wavefront else { return [] }
        let first = passWave
        // Nobody is preempted for a guess.
        while passWave < wave.count, passWave - first < limit, cache.prepare(wave[passWave].position + 1) {
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
        costs.passes += 1
        costs.prefillRows += passChunk
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
            if !row.isDecided, request.wavefront || request.everyLoop || (wave?[index].tracker.needsLogits ?? false) {
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

    /// Rules out what may not follow a position.
    private func restrict(_ logits: UnsafeMutableBufferPointer<Float>, at position: Int, pending: [Int]) {
        if position + 1 - promptCount < request.minTokens {
            for token in request.endTokens { logits[token] = -.infinity }
        }
        request.constraint?.restrict(logits, after: tokens[promptCount...] + pending)
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
            costs.droppedRows += row.loop - 1
            for index in row.traced { trace.rows[index].isDropped = true }
        }
    }

    private func count(_ row: WaveRow, at index: Int) {
        let kind: GenerationTrace.Kind =
            row.position > finalPosition ? .draft : row.isDecided ? .filler : .decode
        switch kind {
        case .draft: costs.draftRows += 1
        case .filler: costs.fillerRows += 1
        case .decode: costs.decodeRows += 1
        }
        guard request.traces else { return }
        wave?[index].traced.append(trace.rows.count)
        trace.rows.append(
            .init(pass: costs.passes, position: row.position, loop: row.loop, kind: kind))
    }

    func endPass() throws(OuroError) -> Bool {
        guard let states else { return true }
        commit()
        if !finished {
            if prefill.isUnderWay { prefill.endPass(states: states) }
            extend()
        }
        wave?.retire(before: finalPosition, loops: loops)
        publish()
        return finished
    }

    /// Lets other requests have the pages of positions that are through all loops.
    private func publish() {
        let count =
            prefill.isUnderWay ? prefill.chunk.lowerBound : wave?.rows.first?.position ?? prefill.chunk.upperBound
        cache?.publish(tokens, count: count)
    }

    /// Puts out the tokens of decided rows whose input is final, oldest first.
    private func commit() {
        while !finished, let row = wave?.rows.first(where: { $0.position == finalPosition }), row.isDecided,
            let token = row.guess
        {
            for (loop, guess) in row.guesses.enumerated() where guess != nil {
                costs.guesses[loop] += 1
                if guess == token { costs.rightGuesses[loop] += 1 }
            }
            emit(token, row: row)
            finalPosition += 1
        }
    }

    private func emit(_ token: Int, row: WaveRow) {
        let now = ContinuousClock.now
        if firstToken == nil { costs.timeToFirstToken = now - submitted }
        firstToken = firstToken ?? now
        costs.timeAfterFirstToken = now - (firstToken ?? now)
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
        continuation.yield(
            GeneratedToken(
                position: row.position + 1, id: token, text: shown, logProbability: row.logProbability,
                exitLoop: row.tracker.exitLoop ?? loops, exitDistribution: row.tracker.exitDistribution,
                gate: row.tracker.gateAtExit, loopLogProbabilities: row.logProbabilities.map { $0[token] },
                alternatives: row.alternatives,
                passes: costs.passes, finishReason: reason, statistics: reason == nil ? nil : costs,
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
        if let states { prefill.release(states) }
        _ = wave?.drop(from: 0)
        cache = nil
        continuation.finish(throwing: error)
    }

    private func nonFinite(_ position: Int) -> OuroError {
        OuroError(
            .nonFinite, field: "position \(position)",
            "the model produced a value that is not a finite number; its weights are damaged or overflow")
    }
}
