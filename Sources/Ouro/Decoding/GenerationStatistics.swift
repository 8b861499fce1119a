/// Rows that ran, by what they were for.
public struct RowCounts: Sendable, Equatable {
    /// Rows on known tokens: the prompt, and tokens that are computed again after a preemption.
    public var prefill = 0
    /// Rows on final tokens whose own token was not decided yet.
    public var decode = 0
    /// Rows on guessed tokens.
    public var draft = 0
    /// Rows whose token was out already. They complete the keys and values that later tokens read.
    public var filler = 0
    /// Those of the draft rows whose guess was wrong.
    public var dropped = 0

    public init() {}

    mutating func add(_ new: RowCounts, since old: RowCounts) {
        prefill += new.prefill - old.prefill
        decode += new.decode - old.decode
        draft += new.draft - old.draft
        filler += new.filler - old.filler
        dropped += new.dropped - old.dropped
    }
}

/// What a generation cost.
public struct GenerationStatistics: Sendable, Equatable {
    /// Passes that the request took part in, including those of the prompt.
    public var passes = 0
    /// Prompt tokens whose keys and values came from the prefix cache.
    public var cachedPromptTokens = 0
    /// How often an older request took this one's memory. What the request had so far was then computed again.
    public var preemptions = 0
    /// Rows by kind, over all loops.
    public var rows = RowCounts()
    /// Bytes of the request's keys and values when its last token came out.
    public var cacheBytes = 0
    /// From the request to its first token, waiting included.
    public var timeToFirstToken = Duration.zero
    /// From the first token to the last.
    public var timeAfterFirstToken = Duration.zero
    /// Guesses made after each loop.
    public var guesses: [Int]
    /// Those of the guesses that were the token in the end.
    public var rightGuesses: [Int]

    init(loops: Int) {
        guesses = Array(repeating: 0, count: loops)
        rightGuesses = guesses
    }

    /// The share of right guesses after each loop; nil where none was made.
    public var acceptance: [Double?] {
        zip(guesses, rightGuesses).map { $0 == 0 ? nil : Double($1) / Double($0) }
    }
}
