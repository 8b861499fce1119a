/// A position of one sequence on its way through the loops, and what it predicts so far.
struct WaveRow {
    let position: Int
    /// The input token. It is final if the tokens of all older rows are final; otherwise it is a guess.
    let token: Int
    let slot: SlotID
    /// The loop it runs next (1-based). After its last loop it is one more than the number of loops.
    var loop = 1
    var tracker: ExitTracker
    /// The next token, as of the last loop that was read out.
    var guess: Int?
    /// The guesses after each loop; nil after loops that were not read out.
    var guesses: [Int?] = []
    /// Whether the guess comes from the row's exit loop. Then it is final as soon as the row's input is.
    var isDecided = false
    var logProbability: Float = 0
    var alternatives: [TokenAlternative] = []
    /// Log-probabilities of all tokens after each loop, if the request wants them.
    var logProbabilities: [[Float]] = []
    /// The row's places in the trace.
    var traced: [Int] = []
}

/// The rows of one sequence that are under way, oldest first.
///
/// Each row runs one loop in a pass. An older row is never behind a younger one, because a row at loop r reads the keys and
/// values that all older positions wrote at loop r, in an earlier pass or in the same one. A row's guess is its successor's
/// input. When the guess changes, the successor and all younger rows are dropped.
struct Wavefront {
    var rows: [WaveRow] = []
    private let slots: SlotAllocator

    init(slots: SlotAllocator) { self.slots = slots }

    var count: Int { rows.count }

    mutating func append(position: Int, token: Int, tracker: ExitTracker) {
        assert(rows.last.map { $0.position + 1 == position } ?? true)
        rows.append(WaveRow(position: position, token: token, slot: slots.take(), tracker: tracker))
    }

    /// Drops the rows from `index` on, and returns them.
    mutating func drop(from index: Int) -> [WaveRow] {
        guard index < rows.count else { return [] }
        let dropped = Array(rows[index...])
        for row in dropped { slots.giveBack(row.slot) }
        rows.removeSubrange(index...)
        return dropped
    }

    /// Removes the oldest row, which has run all the loops it needs.
    mutating func retireFirst() { slots.giveBack(rows.removeFirst().slot) }

    /// Removes the rows before `position` that have run all loops.
    mutating func retire(before position: Int, loops: Int) {
        while let first = rows.first, first.loop > loops, first.position < position { retireFirst() }
    }
}
