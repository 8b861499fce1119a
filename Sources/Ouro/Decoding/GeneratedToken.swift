/// One generated token.
public struct GeneratedToken: Sendable, Equatable {
    /// Its position in the sequence, counting the prompt from 0.
    public let position: Int
    public let id: Int
    /// Text that is complete with this token: whole characters only, possibly none, and nothing of a stop string.
    public let text: String
    /// Log-probability under the model's own distribution at the exit loop, before any sampling parameter.
    public let logProbability: Float
    /// The loop whose logits it was chosen from (1-based).
    public let exitLoop: Int
    /// Probability of leaving at each loop; zero for loops that had not run when the token left.
    public let exitDistribution: [Float]
    /// Gate probabilities lambda of the loops that had run when the token left.
    public let gate: [Float]
    /// Log-probability of this token after each of these loops, before any sampling parameter; empty unless the request
    /// asked for `everyLoop`.
    public let loopLogProbabilities: [Float]
    /// The most likely tokens at the exit loop, as many as the request asked for.
    public let alternatives: [TokenAlternative]
    /// Passes that the request has taken part in so far, the prompt's included.
    public let passes: Int
    /// Set on the last token.
    public let finishReason: FinishReason?
    /// What the whole request cost; set on the last token.
    public let statistics: GenerationStatistics?
    /// All rows after the prompt, if the request asked for it; set on the last token.
    public let trace: GenerationTrace?
}
