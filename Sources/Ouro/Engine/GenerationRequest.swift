/// One request for text: what to continue, how far, and how.
///
/// Everything left at nil takes the model's own default (`generation_config.json`, then `config.json`).
public struct GenerationRequest: Sendable {
    /// The text or tokens to continue.
    public var prompt: Prompt
    /// Tokens to generate at most.
    public var maxTokens: Int
    public var sampling: SamplingParameters?
    /// At which loop tokens leave; by default the model's `early_exit_threshold`.
    public var exit: ExitPolicy?
    /// How many loops there are (`total_ut_steps`); may be more than the model was trained with.
    public var loops: Int?
    /// Strings that end the generation; they are not part of the text.
    public var stop: [String]
    /// Tokens that end the generation, besides the end of text.
    public var stopTokens: Set<Int>
    /// Whether to go on after an end-of-text token.
    public var ignoresEndOfText: Bool
    /// Whether rows on guessed tokens run ahead (see the article "One pass, many depths"). Changes speed, never output.
    /// Needs the policy ``KVPolicy/full``. By default on where that is so.
    public var wavefront: Bool?
    /// Tokens that are proposed at a time from earlier occurrences of the last ones, in prompt and output; 0: none.
    /// Changes speed, never output. Needs the wavefront.
    public var draftTokens: Int
    /// What is kept of keys and values after the prompt; by default ``EngineOptions/kvPolicy``. All but ``KVPolicy/full``
    /// change the output.
    public var kvPolicy: KVPolicy?
    /// Whether the last token comes with a trace of all rows.
    public var traces: Bool
    /// Whether tokens tell their log-probability after every loop that ran, as training on rollouts needs it.
    public var everyLoop: Bool
    /// Requests share cached keys and values of equal first tokens only if their salts are equal. A salt for each tenant keeps
    /// one from learning, by the time an answer takes, what another has asked.
    public var cacheSalt: String
    /// End-of-text tokens and `stopTokens` are not chosen before so many tokens.
    public var minTokens: Int
    /// How many of the most likely tokens to report with every token.
    public var alternatives: Int
    /// What may follow, if not everything.
    public var constraint: (any TokenConstraint)?
    /// Whether special tokens show up in the text of the result. Thinking models need it for `<think>`.
    public var showsSpecialTokens: Bool

    public init(
        _ prompt: Prompt, maxTokens: Int = 256, sampling: SamplingParameters? = nil, exit: ExitPolicy? = nil,
        loops: Int? = nil, stop: [String] = [], stopTokens: Set<Int> = [], ignoresEndOfText: Bool = false,
        wavefront: Bool? = nil, draftTokens: Int = 0, kvPolicy: KVPolicy? = nil, showsSpecialTokens: Bool = false,
        minTokens: Int = 0, alternatives: Int = 0, constraint: (any TokenConstraint)? = nil, cacheSalt: String = "",
        everyLoop: Bool = false, traces: Bool = false
    ) {
        self.prompt = prompt
        self.maxTokens = maxTokens
        self.sampling = sampling
        self.exit = exit
        self.loops = loops
        self.stop = stop
        self.stopTokens = stopTokens
        self.ignoresEndOfText = ignoresEndOfText
        self.wavefront = wavefront
        self.draftTokens = draftTokens
        self.kvPolicy = kvPolicy
        self.showsSpecialTokens = showsSpecialTokens
        self.minTokens = minTokens
        self.alternatives = alternatives
        self.constraint = constraint
        self.cacheSalt = cacheSalt
        self.everyLoop = everyLoop
        self.traces = traces
    }

    /// Continues `text`.
    public init(_ text: String, maxTokens: Int = 256, sampling: SamplingParameters? = nil) {
        self.init(.text(text), maxTokens: maxTokens, sampling: sampling)
    }
}
