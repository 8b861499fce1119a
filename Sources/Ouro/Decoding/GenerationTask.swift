/// Runs one generation, pass by pass.
///
/// After every loop that is read out, the row's most likely next token becomes the input of its successor: a guess.
/// When a guess changes, the rows that depend on it are dropped. The output never changes: a token is emitted when its
/// row has run its exit loop and every earlier token has been emitted.
///
/// Four parts do the work. `RowSource` decides which rows run, `Chooser` chooses tokens, `Transcript` holds the output,
/// and `RowLedger` counts.
package final class GenerationTask: SequenceTask {
    package let demand: SequenceDemand
    private let request: ResolvedRequest
    private let continuation: AsyncThrowingStream<GeneratedToken, any Error>.Continuation
    private let cancelled: AtomicFlag
    private let backlog: TokenBacklog?

    private var source: RowSource?
    private var chooser: Chooser
    private var transcript: Transcript
    private var ledger: RowLedger
    private var lookup: PromptLookup
    private var guessRate: GuessRate
    // The rows of the wave that are read out in the current pass.
    private var awaited: [Int] = []

    package init(
        prompt: [Int], request: ResolvedRequest,
        continuation: AsyncThrowingStream<GeneratedToken, any Error>.Continuation, cancelled: AtomicFlag,
        backlog: TokenBacklog? = nil
    ) {
        self.backlog = backlog
        self.request = request
        self.continuation = continuation
        self.cancelled = cancelled
        let positions = prompt.count + request.maxTokens
        demand = SequenceDemand(
            maximumPositions: positions, loops: request.loops, policy: request.kvPolicy,
            promptPositions: request.kvPolicy == .full ? positions : prompt.count, cacheSalt: request.cacheSalt)
        chooser = Chooser(request, prompt: prompt)
        transcript = Transcript(prompt: prompt, request: request)
        ledger = RowLedger(request)
        lookup = PromptLookup(prompt: prompt, limit: request.draftTokens)
        guessRate = GuessRate(loops: request.loops)
    }

    package var progress: SequenceProgress {
        var progress = source?.progress ?? SequenceProgress()
        progress.knownPositions = transcript.tokens.count
        progress.rowCounts = ledger.statistics.rows
        progress.isCancelled = cancelled.isSet
        progress.isPaused = backlog?.isFull ?? false
        return progress
    }

    /// All known tokens but the last one. Its position must be computed, because its logits are needed.
    package var reusableTokens: ArraySlice<Int> { transcript.tokens.dropLast().prefix(demand.promptPositions) }

    package func start(_ sequence: SequenceCache, cached: Int, slots: SlotAllocator) {
        ledger.countStart(cached: cached)
        source = RowSource(
            sequence, slots: slots, tokens: transcript.tokens, cached: cached, promptCount: transcript.promptCount,
            request: request, demand: demand)
        if let source { prepareMasks(source) }
    }

    private func prepareMasks(_ source: RowSource) {
        guard request.constraint != nil else { return }
        let guesses = source.wave.rows.filter { $0.position > source.finalPosition }.map(\.token)
        chooser.prepare(output: transcript.output, guesses: guesses)
    }

    package func preempt() {
        ledger.countPreemption()
        releaseMemory()
    }

    private func releaseMemory() {
        _ = source?.release()
        source = nil
        chooser.reset()
    }

    package func rows(_ share: RowShare) -> [Row] { source?.rows(share, lastToken: transcript.lastToken) ?? [] }

    package func absorb(_ outcomes: ArraySlice<RowOutcome>) throws(OuroError) -> [Readout] {
        awaited.removeAll(keepingCapacity: true)
        guard let source else { return [] }
        ledger.beginPass(prefillRows: source.chunkRows)
        try source.absorbChunk(outcomes.prefix(source.chunkRows))
        var readouts: [Readout] = []
        for (index, outcome) in outcomes.dropFirst(source.chunkRows).enumerated() {
            let (loop, position) = (source.wave.rows[index].loop, source.wave.rows[index].position)
            ledger.count(&source.wave.rows[index], finalPosition: source.finalPosition)
            guard outcome.gateLogit.isFinite else {
                // For a row on a guess this is not an error, because the guess may be wrong.
                if position <= source.finalPosition { throw .notFinite(position: position) }
                ledger.countDropped(source.drop(from: index))
                break
            }
            source.wave.rows[index].tracker.advance(outcome)
            source.wave.rows[index].loop += 1
            let row = source.wave.rows[index]
            // Reading out a guess is useful only while passes have room for rows on guesses.
            let guesses = source.mayGuess && guessRate.isWorthReading(loop: loop, position: position)
            if !row.isDecided, guesses || request.everyLoop || row.tracker.needsLogits {
                let pending = source.wave.rows[...index].filter { $0.position > source.finalPosition }.map(\.token)
                do throws(OuroError) {
                    readouts.append(try chooser.readout(of: row, output: transcript.output, pending: pending))
                } catch {
                    // The constraint may reject a guess, because the guess may be wrong.
                    if position <= source.finalPosition { throw error }
                    ledger.countDropped(source.drop(from: index))
                    break
                }
                awaited.append(index)
            }
        }
        return readouts
    }

    package func absorb(_ results: ArraySlice<ReadoutResult>) throws(OuroError) -> Bool {
        guard let source else { return true }
        for (index, result) in zip(awaited, results) {
            // An older row changed its guess, so this row was dropped.
            guard index < source.wave.count else { break }
            guard let token = result.token else {
                let position = source.wave.rows[index].position
                if position <= source.finalPosition { throw .notFinite(position: position) }
                ledger.countDropped(source.drop(from: index))
                break
            }
            chooser.take(result, token: token, into: &source.wave.rows[index])
            if index + 1 < source.wave.count, source.wave.rows[index + 1].token != token {
                ledger.countDropped(source.drop(from: index + 1))
            }
        }
        while transcript.finishReason == nil, let row = source.decidedRow, let token = row.guess {
            emit(token, of: row, cacheBytes: source.sequence.byteCount)
            source.advanceFinalPosition()
        }
        source.endPass(tokens: transcript.tokens)
        if transcript.finishReason != nil { return true }
        source.extend(lastToken: transcript.lastToken) { lookup.proposal(after: $0) }
        prepareMasks(source)
        return false
    }

    /// Emits a final token.
    private func emit(_ token: Int, of row: WaveRow, cacheBytes: Int) {
        for (index, guess) in row.guesses.enumerated() where guess != nil {
            ledger.countGuess(loop: index + 1, isRight: guess == token)
            guessRate.record(loop: index + 1, isRight: guess == token)
        }
        chooser.append(token)
        lookup.append(token)
        let text = transcript.append(token)
        ledger.record(cacheBytes: cacheBytes, &transcript)
        let isLast = transcript.finishReason != nil
        backlog?.emitted()
        continuation.yield(
            GeneratedToken(
                position: row.position + 1, id: token, text: text, logProbability: row.logProbability,
                exitLoop: row.tracker.exitLoop ?? demand.loops, exitDistribution: row.tracker.exitDistribution,
                gate: row.tracker.gateAtExit, loopLogProbabilities: row.logProbabilities.map { $0[token] },
                alternatives: row.alternatives, passes: ledger.statistics.passes,
                finishReason: transcript.finishReason, matchedStop: isLast ? transcript.matchedStop : nil,
                statistics: isLast ? ledger.statistics : nil,
                trace: isLast ? ledger.finalTrace : nil))
    }

    package func finish(_ error: OuroError?) {
        releaseMemory()
        continuation.finish(throwing: error)
    }
}
