/// The order to turn one row's hidden state into logits and these into a token.
///
/// Everything in it is known before the first readout of a pass, so a device may work on all readouts of a call at once.
package struct Readout: Sendable {
    /// How a token is chosen from the logits.
    package enum Choice: Sendable {
        /// The largest logit. Of equal ones, the lowest token.
        case largest
        /// The request's sampler, for the token at `position`. `pending` are the tokens between the sampler's context and
        /// this row's own: guesses that are not final yet.
        case sampled(Sampler, position: Int, pending: [Int])
    }

    /// Averages logits over loops (``ExitPolicy/weighted``). The device keeps nothing between two calls: the sum travels.
    package struct Average: Sendable {
        /// Logits of the loops before, each times its exit probability; empty at the first loop.
        package var sum: [Float]
        /// Exit probability of the loop at hand.
        package var probability: Float
        /// Probability of the loops that have not run. They count as the loop at hand.
        package var rest: Float
    }

    package let slot: SlotID
    package var choice = Choice.largest
    /// The tokens that may be chosen; nil allows all.
    package var allowed: TokenMask?
    /// If set, the token is chosen from the average.
    package var average: Average?
    /// How many of the most likely tokens to report.
    package var alternatives = 0
    /// A token whose log-probability to report.
    package var target: Int?
    /// Whether to report the log-probabilities of all tokens.
    package var reportsAllTokens = false

    package init(slot: SlotID) { self.slot = slot }
}

/// What a readout reports. All log-probabilities are the model's own, before mask and sampling parameters.
package struct ReadoutResult: Sendable, Equatable {
    /// The chosen token; nil if a logit is not a number.
    package var token: Int?
    package var logProbability: Float = 0
    /// The most likely tokens, as many as were asked for, the likeliest first.
    package var alternatives: [TokenAlternative] = []
    /// Log-probability of ``Readout/target``.
    package var targetLogProbability: Float?
    /// Log-probabilities of all tokens under the logits of this loop alone, if they were asked for.
    package var logProbabilities: [Float] = []
    /// The sum of ``Readout/average`` with this loop added.
    package var averageSum: [Float] = []

    package init(token: Int? = nil) { self.token = token }
}

/// A set of tokens of one vocabulary: one bit for each.
public struct TokenMask: Sendable, Equatable {
    /// Tokens in the vocabulary.
    public let vocabularySize: Int
    private var words: [UInt64]

    /// A mask that allows all tokens, or none.
    public init(vocabularySize: Int, allowsAll: Bool) {
        self.vocabularySize = vocabularySize
        words = Array(repeating: allowsAll ? .max : 0, count: (vocabularySize + 63) / 64)
        let rest = vocabularySize % 64
        if allowsAll, rest > 0 { words[words.count - 1] = (1 << UInt64(rest)) - 1 }
    }

    /// Whether a token is allowed. Setting a token outside the vocabulary changes nothing.
    public subscript(token: Int) -> Bool {
        get { (0..<vocabularySize).contains(token) && words[token >> 6] & (1 << UInt64(token & 63)) != 0 }
        set {
            guard (0..<vocabularySize).contains(token) else { return }
            if newValue {
                words[token >> 6] |= 1 << UInt64(token & 63)
            } else {
                words[token >> 6] &= ~(1 << UInt64(token & 63))
            }
        }
    }

    /// Whether no token is allowed.
    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// How many tokens are allowed.
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Allows or forbids all tokens.
    public mutating func setAll(_ isAllowed: Bool) {
        self = TokenMask(vocabularySize: vocabularySize, allowsAll: isAllowed)
    }

    /// Calls `body` with every token that is not allowed, in ascending order.
    func forEachForbidden(_ body: (Int) -> Void) {
        for (index, word) in words.enumerated() where word != .max {
            let first = index << 6
            for bit in 0..<min(64, vocabularySize - first) where word & (1 << UInt64(bit)) == 0 { body(first + bit) }
        }
    }
}

/// Says which tokens may follow a text: a grammar, a schema.
///
/// The answer must depend on the tokens before and on nothing else, because the engine tries guesses and rejects them. One
/// request uses a constraint, on the inference thread.
public protocol TokenConstraint: AnyObject, Sendable {
    /// Fills `mask` with the tokens that may follow. At least one must be allowed, if only the end of text.
    ///
    /// - Parameters:
    ///   - output: the tokens generated so far.
    ///   - mask: has room for the model's vocabulary; its content on entry has no meaning.
    func allowTokens(after output: [Int], in mask: inout TokenMask)
}
