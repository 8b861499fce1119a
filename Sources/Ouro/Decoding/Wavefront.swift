/// A position of one sequence on its way through the loops, and what it says about the next token so far.
struct WaveRow {
    let position: Int
    /// The input token: final if every older row's token is, otherwise a guess.
    let token: Int
    /// Where the hidden state lies.
    let slot: Int
    /// The loop it runs next (1-based); beyond the last one when it is through.
    var loop = 1
    var tracker: ExitTracker
    /// The next token as of the last loop that was read out.
    var guess: Int?
    /// The guesses after the loops that were read out.
    var guesses: [Int?] = []
    /// Whether the guess comes from the row's exit loop: if its input stands, so does its output.
    var isDecided = false
    var logProbability: Float = 0
    var alternatives: [TokenAlternative] = []
    /// Log-probabilities of all tokens after each loop, if the request wants them.
    var logProbabilities: [[Float]] = []
    /// Where the trace has the row's runs.
    var traced: [Int] = []
}

/// The rows of one sequence that are under way, oldest first.
///
/// Each row runs one loop a pass. An older row is never behind a younger one: a row at loop r reads keys and values that
/// all older positions wrote at loop r, in an earlier pass or in the same one. A row's guess is its successor's input; when
/// the guess changes, the successor and everything younger is dropped.
struct Wavefront {
    private(set) var rows: [WaveRow] = []
    private let states: RowStates

    init(states: RowStates) { self.states = states }

    subscript(index: Int) -> WaveRow {
        get { rows[index] }
        set { rows[index] = newValue }
    }

    var count: Int { rows.count }
    var isEmpty: Bool { rows.isEmpty }

    mutating func append(position: Int, token: Int, tracker: ExitTracker) {
        assert(rows.last.map { $0.position + 1 == position } ?? true)
        rows.append(WaveRow(position: position, token: token, slot: states.take(), tracker: tracker))
    }

    /// Drops the rows from `index` on, and returns them.
    mutating func drop(from index: Int) -> ArraySlice<WaveRow> {
        guard index < rows.count else { return [] }
        let dropped = rows[index...]
        for row in dropped { states.giveBack(row.slot) }
        rows.removeSubrange(index...)
        return dropped
    }

    /// Takes the oldest row away, which is through.
    mutating func retireFirst() { states.giveBack(rows.removeFirst().slot) }

    /// Takes the rows away that are through all loops and whose tokens are out.
    mutating func retire(before position: Int, loops: Int) {
        while let first = rows.first, first.loop > loops, first.position < position {
            states.giveBack(first.slot)
            rows.removeFirst()
        }
    }
}

/// Rows that ran, by what they were for.
public struct RowCounts: Sendable, Equatable {
    /// Of known tokens: prompts, and what is computed again after a preemption.
    public var prefill = 0
    /// On final tokens whose own token was not decided yet.
    public var decode = 0
    /// On guessed tokens.
    public var draft = 0
    /// For the sake of later tokens' keys and values: their token was out already.
    public var filler = 0
    /// Those of the draft rows whose guess was wrong.
    public var dropped = 0

    mutating func add(_ new: RowCounts, since old: RowCounts) {
        prefill += new.prefill - old.prefill
        decode += new.decode - old.decode
        draft += new.draft - old.draft
        filler += new.filler - old.filler
        dropped += new.dropped - old.dropped
    }
}

/// What a generation cost, in passes and rows.
public struct GenerationStatistics: Sendable, Equatable {
    /// Passes that the request took part in, the prompt's included.
    public var passes = 0
    /// Tokens of the prompt whose keys and values were found in the cache.
    public var cachedPromptTokens = 0
    /// How often the request had to make way for an older one; what it had so far was then computed again.
    public var preemptions = 0
    /// Rows of the prompt, all loops; after a preemption also those of the tokens so far.
    public var prefillRows = 0
    /// Rows on final tokens whose own token was not decided yet.
    public var decodeRows = 0
    /// Rows on guessed tokens.
    public var draftRows = 0
    /// Rows whose token was out already, for the sake of later tokens' keys and values.
    public var fillerRows = 0
    /// Those of the draft rows whose guess was wrong.
    public var droppedRows = 0
    /// Bytes of the request's keys and values when its last token came out.
    public var cacheBytes = 0
    /// From the request to its first token, waiting included, and from the first token to the last.
    public var timeToFirstToken = Duration.zero
    public var timeAfterFirstToken = Duration.zero
    /// After each loop, how many guesses were made, and how many were the token in the end.
    public var guesses: [Int]
    public var rightGuesses: [Int]

    init(loops: Int) {
        guesses = Array(repeating: 0, count: loops)
        rightGuesses = guesses
    }

    var rowCounts: RowCounts {
        RowCounts(
            prefill: prefillRows, decode: decodeRows, draft: draftRows, filler: fillerRows, dropped: droppedRows)
    }

    /// The share of right guesses after each loop; nil where none was made.
    public var acceptance: [Double?] {
        zip(guesses, rightGuesses).map { $0 == 0 ? nil : Double($1) / Double($0) }
    }
}
