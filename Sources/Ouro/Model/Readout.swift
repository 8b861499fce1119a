/// The order to turn one row's hidden state into logits, and the logits into a token.
///
/// Its content is known before the first readout of a pass. A device may therefore process all readouts of a call at
/// once.
package struct Readout: Sendable {
    /// How a token is chosen from the logits.
    package enum Choice: Sendable {
        /// The largest logit. Of equal ones, the lowest token.
        case largest
        /// The request's sampler chooses the token at `position`. `pending` are the guesses between the sampler's
        /// context and that position.
        case sampled(Sampler, position: Int, pending: [Int])
    }

    /// Averages logits over loops (``ExitPolicy/weighted``). The caller keeps the sum between calls; the device keeps
    /// nothing.
    package struct Average: Sendable {
        /// The sum over earlier loops of their logits times their exit probabilities. Empty at the first loop.
        package var sum: [Float]
        /// Exit probability of the current loop.
        package var probability: Float
        /// Exit probability of all loops that have not run. They are counted with the logits of the current loop.
        package var rest: Float
    }

    /// The slot of the hidden state.
    package let slot: SlotID
    /// How the token is chosen.
    package var choice = Choice.largest
    /// The tokens that may be chosen; nil allows all.
    package var allowed: TokenMask?
    /// If set, the token is chosen from the average.
    package var average: Average?
    /// How many of the most likely tokens to report.
    package var alternatives = 0
    /// A token whose log-probability is reported.
    package var target: Int?
    /// Whether to report the log-probabilities of all tokens.
    package var reportsAllTokens = false

    /// Makes a readout that takes the largest logit.
    package init(slot: SlotID) { self.slot = slot }
}

/// The result of a readout. All log-probabilities are the model's own, before mask and sampling parameters.
package struct ReadoutResult: Sendable, Equatable {
    /// The chosen token. Nil if a logit is NaN.
    package var token: Int?
    /// Log-probability of the chosen token.
    package var logProbability: Float = 0
    /// The most likely tokens, as many as the readout asks for, most likely first.
    package var alternatives: [TokenAlternative] = []
    /// Log-probability of `Readout.target`.
    package var targetLogProbability: Float?
    /// Log-probabilities of all tokens under the logits of this loop alone, if the readout asks for them.
    package var logProbabilities: [Float] = []
    /// The sum of `Readout.average`, including this loop.
    package var averageSum: [Float] = []

    package init(token: Int? = nil) { self.token = token }
}

/// A set of tokens of one vocabulary, with one bit for each token.
public struct TokenMask: Sendable, Equatable {
    /// Number of tokens in the vocabulary.
    public let vocabularySize: Int
    private var words: [UInt64]

    /// Makes a mask that allows all tokens or none.
    ///
    /// - Parameters:
    ///   - vocabularySize: the number of tokens in the vocabulary.
    ///   - allowsAll: whether all tokens are allowed.
    public init(vocabularySize: Int, allowsAll: Bool) {
        self.vocabularySize = vocabularySize
        words = Array(repeating: allowsAll ? .max : 0, count: (vocabularySize + 63) / 64)
        let rest = vocabularySize % 64
        if allowsAll, rest > 0 { words[words.count - 1] = (1 << UInt64(rest)) - 1 }
    }

    /// Whether a token is allowed. Setting a token outside the vocabulary has no effect.
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

    /// Number of allowed tokens.
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

/// Decides which tokens may follow a text, by a grammar or schema, for example.
///
/// The result must depend only on the tokens before, because the engine tries guesses and rejects them. Only one
/// request uses a constraint, on the inference thread. Other requests wait while a method runs.
public protocol TokenConstraint: AnyObject, Sendable {
    /// Fills `mask` with the tokens that may follow. At least one must be allowed, possibly only an end-of-text token.
    ///
    /// - Parameters:
    ///   - output: the tokens generated so far.
    ///   - mask: the mask to fill. It has the size of the model's vocabulary; its content before the call has no
    ///     meaning.
    /// - Throws: `OuroError` if the mask cannot be made. The error ends the request, and no other one.
    func allowTokens(after output: [Int], in mask: inout TokenMask) throws(OuroError)

    /// Tells that `allowTokens(after:in:)` will probably be called for these tokens after the next pass. A constraint may
    /// compute the mask on another thread meanwhile. The method must return at once. By default it does nothing.
    ///
    /// - Parameters:
    ///   - output: the tokens generated so far, and possibly guesses after them.
    func prepare(after output: [Int])
}

extension TokenConstraint {
    /// Does nothing.
    public func prepare(after output: [Int]) {}
}
