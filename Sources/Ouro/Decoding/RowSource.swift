/// Decides which rows of a generation run next: the prompt in chunks, then rows on final tokens, then rows on guesses.
///
/// It exists while its task is live. It holds the task's rows and slots, and knows nothing of sampling or text.
final class RowSource {
    let sequence: SequenceCache
    var wave: Wavefront
    private(set) var prefill: PrefillCursor
    /// The last position whose token is final.
    private(set) var finalPosition: Int
    /// Rows of the prefill chunk in the current pass.
    private(set) var chunkRows = 0
    /// Rows of the wave in the current pass, from its oldest row on.
    private(set) var waveRows = 0
    /// Whether the current pass has room for rows on guesses.
    private(set) var mayGuess = false

    private let request: ResolvedRequest
    private let demand: SequenceDemand
    private let promptCount: Int
    private let slots: SlotAllocator
    // The exit of a chunk that is a single position after the prompt.
    private var chunkTracker: ExitTracker?

    /// Makes the rows of a task that starts or resumes.
    ///
    /// - Parameters:
    ///   - sequence: the pages of the task.
    ///   - slots: the slots for hidden states.
    ///   - tokens: the prompt, and the tokens generated before a preemption.
    ///   - cached: positions, from the first on, that have run all loops.
    ///   - promptCount: the number of tokens in the prompt.
    ///   - request: the request.
    ///   - demand: the demand of the task.
    init(
        _ sequence: SequenceCache, slots: SlotAllocator, tokens: [Int], cached: Int, promptCount: Int,
        request: ResolvedRequest, demand: SequenceDemand
    ) {
        self.sequence = sequence
        self.slots = slots
        self.request = request
        self.demand = demand
        self.promptCount = promptCount
        finalPosition = tokens.count - 1
        prefill = PrefillCursor(
            tokens: tokens.dropLast(), cached: cached, loops: demand.loops, chunkSize: request.prefillChunk,
            prompt: demand.promptPositions)
        wave = Wavefront(slots: slots)
        sequence.complete(cached, loops: demand.loops)
        if prefill.isDone { beginDecoding(with: tokens[finalPosition]) }
    }

    /// Gives all slots and pages back. Returns the rows that were in progress.
    func release() -> [WaveRow] {
        prefill.release(slots)
        sequence.release()
        return wave.drop(from: 0)
    }

    private var loops: Int { demand.loops }

    private func newTracker() -> ExitTracker { ExitTracker(loops: loops, policy: request.exit) }

    /// Starts the row of the last known position, whose result is the next token. It joins the last prefill chunk.
    private func beginDecoding(with token: Int) {
        wave.append(position: finalPosition, token: token, tracker: newTracker())
    }

    // MARK: rows

    /// The number of rows on final tokens that have loops left to run and room in the cache.
    private var finalRows: Int {
        let end = min(finalPosition + 1, sequence.room)
        return wave.rows.prefix { $0.position < end && $0.loop <= loops }.count
    }

    var progress: SequenceProgress {
        var progress = SequenceProgress()
        let needed = prefill.hasBegunLastChunk ? finalPosition + 1 : prefill.requiredPositions
        // Before the prompt is complete, the cache has no room for more than the prompt.
        progress.requiredPositions = sequence.isCollapsed ? needed : min(needed, demand.promptPositions)
        let final = finalRows
        progress.requiredRows = (prefill.isUnderWay ? prefill.chunk.count : 0) + final
        progress.nextChunk = prefill.nextChunk
        if request.wavefront, final < wave.count, let last = wave.rows.last {
            progress.guesses = wave.rows[final].position..<last.position + 1
        }
        return progress
    }

    /// The rows of one share. `lastToken` is the last known token.
    func rows(_ share: RowShare, lastToken: Int) -> [Row] {
        switch share {
        case .required: return requiredRows()
        case .chunk(let end):
            prefill.begin(end: end, slots: slots)
            if prefill.hasBegunLastChunk, finalPosition < demand.promptPositions { beginDecoding(with: lastToken) }
            return requiredRows()
        case .guesses(let limit):
            guard request.wavefront else { return [] }
            mayGuess = limit > 0
            let first = waveRows
            while waveRows < wave.count, waveRows - first < limit, wave.rows[waveRows].position < sequence.room {
                waveRows += 1
            }
            return rows(ofWave: first..<waveRows)
        }
    }

    private func requiredRows() -> [Row] {
        let chunk = prefill.isUnderWay ? prefill.rows(table: sequence.table) : []
        chunkRows = chunk.count
        waveRows = finalRows
        mayGuess = false
        return chunk + rows(ofWave: 0..<waveRows)
    }

    private func rows(ofWave indices: Range<Int>) -> [Row] {
        wave.rows[indices].map { row in
            Row(table: sequence.table, position: row.position, loop: row.loop, token: row.token, slot: row.slot)
        }
    }

    // MARK: after a pass

    /// Takes the outcomes of the prefill chunk.
    func absorbChunk(_ outcomes: ArraySlice<RowOutcome>) throws(OuroError) {
        if let bad = outcomes.firstIndex(where: { !$0.gateLogit.isFinite }) {
            throw .notFinite(position: prefill.chunk.lowerBound + bad - outcomes.startIndex)
        }
        guard prefill.isUnderWay, prefill.isAfterPrompt, let outcome = outcomes.first else { return }
        if prefill.loop == 1 { chunkTracker = newTracker() }
        chunkTracker?.advance(outcome)
    }

    /// Drops the rows from `index` on, and returns them. They no longer count as rows of the current pass.
    func drop(from index: Int) -> [WaveRow] {
        waveRows = min(waveRows, index)
        return wave.drop(from: index)
    }

    /// The oldest row whose input is final, if its own token is decided.
    var decidedRow: WaveRow? {
        guard let row = wave.rows.first(where: { $0.position == finalPosition }), row.isDecided else { return nil }
        return row
    }

    /// Records that the token after `finalPosition` has been emitted.
    func advanceFinalPosition() { finalPosition += 1 }

    /// Ends the pass of the prefill chunk, and publishes pages that will not be written any more.
    func endPass(tokens: [Int]) {
        if prefill.isUnderWay {
            let ran = prefill.loop
            let leaves = prefill.isAfterPrompt && demand.policy.sharesLoops && chunkTracker?.exitLoop != nil
            prefill.endPass(slots: slots, leaves: leaves)
            if !prefill.isUnderWay { sequence.complete(prefill.completed, loops: ran) }
        }
        sequence.publish(tokens[...], completed: min(completedPositions, demand.promptPositions))
    }

    /// Positions, from the first on, with final tokens that have run all loops. They are not written any more.
    private var completedPositions: Int {
        guard prefill.isDone else { return prefill.completed }
        let done = wave.rows.prefix { $0.loop > loops && $0.position <= finalPosition }.count
        return done == 0 ? wave.rows.first?.position ?? 0 : wave.rows[done - 1].position + 1
    }

    /// Starts the rows that can start now, and removes those that are complete.
    ///
    /// - Parameters:
    ///   - lastToken: the last known token.
    ///   - proposal: returns draft tokens that may follow the pending guesses.
    func extend(lastToken: Int, proposal: (_ pending: [Int]) -> [Int]) {
        guard demand.policy == .full else { return extendSerially(lastToken: lastToken) }
        startSuccessor(proposal)
        wave.retire(before: finalPosition, loops: loops)
    }

    /// Without full keys and values, a row starts when its predecessor has run all its loops.
    private func extendSerially(lastToken: Int) {
        guard let row = wave.rows.first else {
            if prefill.isDone { beginDecoding(with: lastToken) }
            return
        }
        let leavesEarly = demand.policy.sharesLoops && row.position >= promptCount
        guard row.position < finalPosition, row.loop > loops || leavesEarly else { return }
        sequence.complete(row.position + 1, loops: row.loop - 1)
        startSuccessor { _ in [] }
        wave.retireFirst()
    }

    /// Starts the successor of the youngest row, if that row has a guess, and rows on draft tokens after it.
    private func startSuccessor(_ proposal: (_ pending: [Int]) -> [Int]) {
        guard let last = wave.rows.last, let guess = last.guess, request.wavefront || last.isDecided else { return }
        guard start(guess, at: last.position + 1), request.wavefront, request.draftTokens > 0 else { return }
        let pending = wave.rows.filter { $0.position > finalPosition }.map(\.token)
        for (offset, token) in proposal(pending).enumerated() {
            guard start(token, at: last.position + 2 + offset) else { break }
        }
    }

    /// Starts a row, unless its token would be the last one or ends the text.
    private func start(_ token: Int, at position: Int) -> Bool {
        guard position < demand.maximumPositions - 1, !request.endTokens.contains(token) else { return false }
        wave.append(position: position, token: token, tracker: newTracker())
        return true
    }
}
