/// A position of one sequence in progress through the loops, and its prediction so far.
struct WaveRow {
    let position: Int
    /// The input token. It is final if the tokens of all older rows are final. Otherwise it is a guess.
    let token: Int
    let slot: SlotID
    /// The loop that the row runs next (1-based). After its last loop, it is one more than the number of loops.
    var loop = 1
    var tracker: ExitTracker
    /// The predicted next token after the last loop that was read out.
    var guess: Int?
    /// The guesses after each loop; nil after loops that were not read out.
    var guesses: [Int?] = []
    /// Whether the guess comes from the row's exit loop. It is then final as soon as the row's input is.
    var isDecided = false
    var logProbability: Float = 0
    var alternatives: [TokenAlternative] = []
    /// Log-probabilities of all tokens after each loop, if the request asks for them.
    var logProbabilities: [[Float]] = []
    /// The indices of the row's entries in the trace.
    var traced: [Int] = []
}

/// The rows of one sequence that are in progress, oldest first.
///
/// Each row runs one loop in a pass. A row's guess is the input of its successor. When the guess changes, the successor
/// and all younger rows are dropped.
///
/// What must stay true: an older row is never behind a younger one. A row at loop r reads the keys and values that all
/// older positions have written at loop r, in an earlier pass or in the same one.
struct Wavefront {
    var rows: [WaveRow] = []
    private let slots: SlotAllocator

    init(slots: SlotAllocator) { self.slots = slots }

    var count: Int { rows.count }

    /// Starts a row at the position after the youngest row.
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

    /// Removes the oldest row. It must have run all the loops it needs.
    mutating func retireFirst() { slots.giveBack(rows.removeFirst().slot) }

    /// Removes the rows before `position` that have run all loops.
    mutating func retire(before position: Int, loops: Int) {
        while let first = rows.first, first.loop > loops, first.position < position { retireFirst() }
    }
}
