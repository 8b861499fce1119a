/// The tokens of one text, and which of them are learnt.
public struct TokenDocument: Sendable, Equatable {
    /// Ids of the tokens, in order.
    public var tokens: [Int32]
    /// For every token, whether the model learns to predict it. As many elements as `tokens`.
    public var learns: [Bool]

    /// Makes a document.
    ///
    /// - Parameters:
    ///   - tokens: the token ids.
    ///   - learns: for every token, whether it is learnt. It must have as many elements as `tokens`.
    public init(tokens: [Int32] = [], learns: [Bool] = []) {
        precondition(tokens.count == learns.count, "\(tokens.count) tokens, \(learns.count) marks")
        self.tokens = tokens
        self.learns = learns
    }

    /// Appends tokens.
    ///
    /// - Parameters:
    ///   - ids: the token ids.
    ///   - learns: whether these tokens are learnt.
    public mutating func append(_ ids: some Sequence<Int>, learns: Bool) {
        for id in ids {
            tokens.append(Int32(truncatingIfNeeded: id))
            self.learns.append(learns)
        }
    }
}
