/// A request for the log-probabilities of a given text. See ``Engine/score(_:progress:)``.
///
/// A property that is nil takes the model's default.
public struct ScoringRequest: Sendable {
    /// The text to score.
    public var prompt: Prompt
    /// Number of loops (`total_ut_steps`). It may exceed the number that the model was trained with.
    public var loops: Int?
    /// The exit policy, which determines ``ScoredPosition/exitLoop``. By default, a threshold at the model's
    /// `early_exit_threshold`.
    public var exit: ExitPolicy?
    /// How many of the most likely next tokens to report at every position.
    public var alternatives = 0
    /// See ``GenerationRequest/cacheSalt``. Scores never come from the cache, but later requests may reuse the pages.
    public var cacheSalt = ""
    /// The cache policy after the first ``promptTokens`` tokens.
    ///
    /// With a policy other than ``KVPolicy/full``, the tokens after the prompt run one by one, as in a generation. If
    /// all loops share keys and values, a token has no scores after its exit loop.
    public var kvPolicy = KVPolicy.full
    /// Number of tokens before ``kvPolicy`` applies. Required with a policy other than ``KVPolicy/full``.
    public var promptTokens: Int?

    /// Makes a request. Each parameter sets the property of the same name.
    public init(
        _ prompt: Prompt, loops: Int? = nil, exit: ExitPolicy? = nil, alternatives: Int = 0, cacheSalt: String = "",
        kvPolicy: KVPolicy = .full, promptTokens: Int? = nil
    ) {
        self.prompt = prompt
        self.loops = loops
        self.exit = exit
        self.alternatives = alternatives
        self.cacheSalt = cacheSalt
        self.kvPolicy = kvPolicy
        self.promptTokens = promptTokens
    }

    /// Makes a request for a text, with the model's defaults.
    public static func text(_ text: String) -> ScoringRequest { ScoringRequest(.text(text)) }
    /// Makes a request for token IDs, with the model's defaults.
    public static func tokens(_ tokens: [Int]) -> ScoringRequest { ScoringRequest(.tokens(tokens)) }
}
