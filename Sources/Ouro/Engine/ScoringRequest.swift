/// One request for the log-probabilities of a given text. See ``Engine/score(_:progress:)``.
///
/// Everything left at nil takes the model's own default.
public struct ScoringRequest: Sendable {
    /// The text to score.
    public var prompt: Prompt
    /// Number of loops (`total_ut_steps`).
    public var loops: Int?
    /// The exit policy that decides ``ScoredPosition/exitLoop``; by default the model's `early_exit_threshold`.
    public var exit: ExitPolicy?
    /// How many of the most likely next tokens to report at every position.
    public var alternatives = 0
    /// See ``GenerationRequest/cacheSalt``. Scores are always computed; other requests may use the cached pages.
    public var cacheSalt = ""
    /// What stays of keys and values after the first ``promptTokens`` tokens.
    ///
    /// With a policy other than ``KVPolicy/full``, the tokens after the prompt run one by one, as when they are generated.
    /// Where loops share keys and values, a token runs up to its exit loop and has no scores after it.
    public var kvPolicy = KVPolicy.full
    /// Tokens before ``kvPolicy`` applies. Required with a policy other than `full`.
    public var promptTokens: Int?

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

    /// A request for a text, with the model's defaults.
    public static func text(_ text: String) -> ScoringRequest { ScoringRequest(.text(text)) }
    /// A request for token ids, with the model's defaults.
    public static func tokens(_ tokens: [Int]) -> ScoringRequest { ScoringRequest(.tokens(tokens)) }
}
