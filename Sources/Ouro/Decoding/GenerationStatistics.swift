/// Numbers of rows, by their purpose.
public struct RowCounts: Sendable, Equatable {
    /// Rows on known tokens: the prompt, and tokens that are recomputed after a preemption.
    public var prefill = 0
    /// Rows on final tokens that have not predicted their next token yet.
    public var decode = 0
    /// Rows on guessed tokens.
    public var draft = 0
    /// Rows that have predicted their next token already. They complete the keys and values for later tokens.
    public var filler = 0
    /// Draft rows whose guess was wrong.
    public var dropped = 0

    /// Makes counts of zero.
    public init() {}

    /// Adds the difference of two counts.
    mutating func add(_ new: RowCounts, since old: RowCounts) {
        prefill += new.prefill - old.prefill
        decode += new.decode - old.decode
        draft += new.draft - old.draft
        filler += new.filler - old.filler
        dropped += new.dropped - old.dropped
    }
}

/// The cost of a generation.
public struct GenerationStatistics: Sendable, Equatable {
    /// Passes that the request took part in, including those of the prompt.
    public var passes = 0
    /// Prompt tokens found in the prefix cache.
    public var cachedPromptTokens = 0
    /// How often the request lost its memory to an older one. Its tokens were then recomputed.
    public var preemptions = 0
    /// Rows by kind, for all loops together.
    public var rows = RowCounts()
    /// Bytes of the request's keys and values at its last token.
    public var cacheBytes = 0
    /// Time from the request to its first token, including the time in the queue.
    public var timeToFirstToken = Duration.zero
    /// Time from the first token to the last.
    public var timeAfterFirstToken = Duration.zero
    /// Number of guesses after each loop.
    public var guesses: [Int]
    /// Number of right guesses after each loop.
    public var rightGuesses: [Int]

    init(loops: Int) {
        guesses = Array(repeating: 0, count: loops)
        rightGuesses = guesses
    }

    /// The share of right guesses after each loop. Nil if there were no guesses.
    public var acceptance: [Double?] {
        zip(guesses, rightGuesses).map { $0 == 0 ? nil : Double($1) / Double($0) }
    }
}
