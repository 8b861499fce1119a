/// A token that might have followed.
public struct TokenAlternative: Sendable, Equatable {
    public let id: Int
    /// Under the model's own distribution, before any sampling parameter.
    public let logProbability: Float

    public init(id: Int, logProbability: Float) {
        (self.id, self.logProbability) = (id, logProbability)
    }

    /// The most likely tokens, the likeliest first; equal ones in the order of their ids.
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
