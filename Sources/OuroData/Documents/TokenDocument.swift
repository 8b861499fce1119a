/// A text as tokens: what is never cut or joined with another without a mask.
public struct TokenDocument: Sendable, Equatable {
    /// Ids of the tokens, in order.
    public var tokens: [Int32]
    /// For every token, whether a model learns to predict it.
    public var learns: [Bool]

    /// - Parameters:
    ///   - learns: as many marks as there are tokens.
    public init(tokens: [Int32] = [], learns: [Bool] = []) {
        precondition(tokens.count == learns.count, "\(tokens.count) tokens, \(learns.count) marks")
        self.tokens = tokens
        self.learns = learns
    }

    /// Appends tokens that are all learnt, or none of which is.
    public mutating func append(_ ids: some Sequence<Int>, learns: Bool) {
        for id in ids {
            tokens.append(Int32(truncatingIfNeeded: id))
            self.learns.append(learns)
        }
    }
}
