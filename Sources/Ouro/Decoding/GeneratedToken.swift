/// One generated token.
public struct GeneratedToken: Sendable, Equatable {
    /// The position in the sequence, counted from 0 at the start of the prompt.
    public let position: Int
    /// The token ID.
    public let id: Int
    /// The text that is complete with this token. It consists of whole characters, may be empty, and contains no part
    /// of a stop string.
    public let text: String
    /// Log-probability of the token under the model's own distribution at the exit loop, before any sampling parameter.
    public let logProbability: Float
    /// The loop whose logits the token was chosen from (1-based).
    public let exitLoop: Int
    /// Exit probability of each loop; zero for loops after the exit.
    public let exitDistribution: [Float]
    /// Gate probability lambda of each loop up to the exit.
    public let gate: [Float]
    /// Log-probability of this token after each loop up to the exit, before any sampling parameter. Empty unless the
    /// request sets ``GenerationRequest/everyLoop``.
    public let loopLogProbabilities: [Float]
    /// The most likely tokens at the exit loop, as many as the request asks for.
    public let alternatives: [TokenAlternative]
    /// Passes that the request has taken part in so far, including those of the prompt.
    public let passes: Int
    /// Why the generation ended. Set only on the last token.
    public let finishReason: FinishReason?
    /// The stop string that ended the generation. Set only on the last token. Nil if something else ended it.
    public let matchedStop: String?
    /// The cost of the whole request. Set only on the last token.
    public let statistics: GenerationStatistics?
    /// All rows after the prompt. Set only on the last token, and only if the request asks for it.
    public let trace: GenerationTrace?
}
