/// Counts the cost of a generation: passes, rows by kind, and guesses. Also records the trace if the request asks for
/// it.
struct RowLedger {
    private(set) var statistics: GenerationStatistics
    private var trace: GenerationTrace?

    init(_ request: ResolvedRequest) {
        statistics = GenerationStatistics(loops: request.loops)
        trace = request.traces ? GenerationTrace() : nil
    }

    /// The trace, for the last token.
    var finalTrace: GenerationTrace? { trace }

    /// Counts a pass.
    mutating func beginPass(prefillRows: Int) {
        statistics.passes += 1
        statistics.rows.prefill += prefillRows
    }

    /// Counts a row that ran. `finalPosition` is the last position whose token is final.
    mutating func count(_ row: inout WaveRow, finalPosition: Int) {
        let kind: GenerationTrace.Kind = row.position > finalPosition ? .draft : row.isDecided ? .filler : .decode
        switch kind {
        case .draft: statistics.rows.draft += 1
        case .filler: statistics.rows.filler += 1
        case .decode: statistics.rows.decode += 1
        }
        guard trace != nil else { return }
        row.traced.append(trace?.rows.count ?? 0)
        trace?.rows.append(.init(pass: statistics.passes, position: row.position, loop: row.loop, kind: kind))
    }

    /// Counts rows that ran on a wrong guess.
    mutating func countDropped(_ rows: [WaveRow]) {
        for row in rows {
            statistics.rows.dropped += row.loop - 1
            for index in row.traced { trace?.rows[index].isDropped = true }
        }
    }

    /// Counts the guess after a loop (1-based).
    mutating func countGuess(loop: Int, isRight: Bool) {
        statistics.guesses[loop - 1] += 1
        if isRight { statistics.rightGuesses[loop - 1] += 1 }
    }

    /// Counts the start of the task with `cached` positions from the prefix cache.
    mutating func countStart(cached: Int) { if statistics.preemptions == 0 { statistics.cachedPromptTokens = cached } }
    /// Counts a preemption.
    mutating func countPreemption() { statistics.preemptions += 1 }
    /// Records the size of the cache and the time of a token.
    mutating func record(cacheBytes: Int, _ transcript: inout Transcript) {
        statistics.cacheBytes = cacheBytes
        transcript.recordTime(in: &statistics)
    }
}
