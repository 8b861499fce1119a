import Synchronization

/// A generation: prefill in chunks, then one row at a time, all loops each.
///
/// A token comes out at its exit loop; its row runs on to the last loop so that later tokens find its keys and values.
final class GenerationTask: SequenceTask {
    let maximumPositions: Int
    let loops: Int
    private let continuation: AsyncThrowingStream<GeneratedToken, any Error>.Continuation
    private let cancelled: CancellationFlag
    private let endTokens: Set<Int>
    private let maxTokens: Int
    private let exit: ExitPolicy

    private var prefill: PrefillCursor
    private var sampler: Sampler
    private var text: TextAssembler
    private var cache: SequenceCache?
    private var states: RowStates?

    // The row that decides the next token: the prompt's last one, then one after the other.
    private var tracker: ExitTracker
    private var position: Int
    private var slot: Int?
    private var pendingToken = 0
    private var loop = 1
    private var weightedLogits: [Float] = []

    private var generated = 0
    private var passes = 0
    private var finished = false

    init(
        prompt: [Int], request: ResolvedRequest,
        continuation: AsyncThrowingStream<GeneratedToken, any Error>.Continuation,
        cancelled: CancellationFlag
    ) {
        loops = request.loops
        exit = request.exit
        maxTokens = request.maxTokens
        endTokens = request.endTokens
        maximumPositions = prompt.count + request.maxTokens
        prefill = PrefillCursor(tokens: prompt, loops: request.loops, chunkSize: request.prefillChunk)
        sampler = Sampler(request.sampling, prompt: prompt)
        text = request.text
        tracker = ExitTracker(loops: request.loops, policy: request.exit)
        position = prompt.count - 1
        self.continuation = continuation
        self.cancelled = cancelled
    }

    var isCancelled: Bool { cancelled.isSet }

    func start(cache: SequenceCache, states: RowStates) {
        self.cache = cache
        self.states = states
    }

    func nextRows(limit: Int) -> [Row] {
        guard let cache, let states else { return [] }
        if !prefill.isDone { return prefill.nextRows(limit: limit, cache: cache, states: states) }
        let slot = self.slot ?? states.take()
        self.slot = slot
        return [Row(cache: cache, position: position, loop: loop, token: pendingToken, slot: slot)]
    }

    func absorb(_ outcomes: ArraySlice<RowOutcome>) throws(OuroError) -> [Int] {
        passes += 1
        // In prefill only the prompt's last position decides a token.
        guard let last = outcomes.last, !prefill.isDone ? prefill.chunk.upperBound == prefill.tokens.count : true else {
            return []
        }
        guard last.gateLogit.isFinite else { throw nonFinite() }
        tracker.advance(last)
        return tracker.needsLogits ? [outcomes.count - 1] : []
    }

    func absorb(logits: UnsafeMutableBufferPointer<Float>, row: Int, kernels: Kernels) throws(OuroError) {
        guard let base = logits.baseAddress, kernels.table.argmax(base, logits.count) >= 0 else { throw nonFinite() }
        if exit == .weighted {
            let probability = tracker.distribution[tracker.distribution.count - 1]
            if tracker.lambdas.count == 1 { weightedLogits = Array(repeating: 0, count: logits.count) }
            for index in logits.indices { weightedLogits[index] += probability * logits[index] }
            guard tracker.exitLoop != nil else { return }
            _ = logits.update(fromContentsOf: weightedLogits)
        }
        let normaliser = kernels.table.log_sum_exp(base, logits.count)
        if sampler.takesLargestLogit {
            let token = Int(kernels.table.argmax(base, logits.count))
            emit(token, logProbability: logits[token] - normaliser)
        } else {
            let raw = Array(logits)
            let token = sampler.choose(logits, position: position + 1)
            emit(token, logProbability: raw[token] - normaliser)
        }
    }

    private func emit(_ token: Int, logProbability: Float) {
        generated += 1
        sampler.append(token)
        let isEnd = endTokens.contains(token)
        var (shown, stopped) = text.append(token)
        var reason: FinishReason?
        if isEnd || stopped {
            reason = .stop
        } else if generated == maxTokens {
            reason = .length
        }
        if reason != nil && !stopped { shown += text.finish() }
        pendingToken = token
        finished = reason != nil
        continuation.yield(
            GeneratedToken(
                position: position + 1, id: token, text: shown, logProbability: logProbability,
                exitLoop: tracker.exitLoop ?? loops, exitDistribution: tracker.paddedDistribution, passes: passes,
                finishReason: reason))
    }

    func endPass() throws(OuroError) -> Bool {
        guard let states, !finished else { return true }
        if !prefill.isDone {
            prefill.endPass(states: states)
            if prefill.isDone { beginRow() }
        } else if loop == loops {
            if let slot { states.giveBack(slot) }
            slot = nil
            beginRow()
        } else {
            loop += 1
        }
        return false
    }

    private func beginRow() {
        position += 1
        loop = 1
        tracker = ExitTracker(loops: loops, policy: exit)
    }

    func finish(_ error: OuroError?) {
        if let states {
            prefill.release(states)
            if let slot { states.giveBack(slot) }
        }
        slot = nil
        cache = nil
        continuation.finish(throwing: error)
    }

    private func nonFinite() -> OuroError {
        OuroError(
            .nonFinite, field: "position \(position)",
            "the model produced a value that is not a finite number; its weights are damaged or overflow")
    }
}

/// Set from any thread when a receiver has gone away.
final class CancellationFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}

/// Turns tokens into text that may be shown: whole characters, nothing of a stop string.
struct TextAssembler: Sendable {
    private var decoder: StreamingDecoder?
    private var matcher: StopMatcher

    init(tokenizer: Tokenizer?, stop: [String], showsSpecialTokens: Bool) {
        decoder = tokenizer.map { StreamingDecoder($0, skippingSpecialTokens: !showsSpecialTokens) }
        matcher = StopMatcher(stop)
    }

    mutating func append(_ token: Int) -> (text: String, stopped: Bool) {
        matcher.append(decoder?.append(token) ?? "")
    }

    mutating func finish() -> String {
        let (text, stopped) = matcher.append(decoder?.finish() ?? "")
        return stopped ? text : text + matcher.finish()
    }
}
