/// One of the most likely tokens at a position.
public struct TokenAlternative: Sendable, Equatable {
    /// The token ID.
    public let id: Int
    /// Log-probability under the model's own distribution, before any sampling parameter.
    public let logProbability: Float

    /// Makes an alternative.
    ///
    /// - Parameters:
    ///   - id: the token ID.
    ///   - logProbability: the log-probability of the token.
    public init(id: Int, logProbability: Float) {
        (self.id, self.logProbability) = (id, logProbability)
    }

    /// The most likely tokens, most likely first. Equal ones are in the order of their IDs.
    static func best(
        _ count: Int, of logits: UnsafeMutableBufferPointer<Float>, normaliser: Float
    ) -> [TokenAlternative] {
        guard count > 0 else { return [] }
        var best: [(id: Int, logit: Float)] = []
        best.reserveCapacity(count + 1)
        for (id, logit) in logits.enumerated() {
            if best.count == count, let last = best.last, logit <= last.logit { continue }
            let place = best.firstIndex { $0.logit < logit } ?? best.count
            best.insert((id, logit), at: place)
            if best.count > count { best.removeLast() }
        }
        return best.map { TokenAlternative(id: $0.id, logProbability: $0.logit - normaliser) }
    }
}
