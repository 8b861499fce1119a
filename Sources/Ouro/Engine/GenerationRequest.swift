/// A request to continue a text.
///
/// A property that is nil takes the model's default: the value in `generation_config.json`, or else in `config.json`.
public struct GenerationRequest: Sendable {
    /// The text or tokens to continue.
    public var prompt: Prompt
    /// Most tokens to generate.
    public var maxTokens: Int
    /// How tokens are chosen from the logits. By default, ``Engine/defaultSampling``.
    public var sampling: SamplingParameters?
    /// The exit policy. By default, a threshold at the model's `early_exit_threshold`.
    public var exit: ExitPolicy?
    /// Number of loops (`total_ut_steps`). It may exceed the number that the model was trained with.
    public var loops: Int?
    /// Strings that end the generation. They are not part of the text.
    public var stop: [String]
    /// Tokens that end the generation, besides the end-of-text tokens.
    public var stopTokens: Set<Int>
    /// Whether the generation continues after an end-of-text token.
    public var ignoresEndOfText: Bool
    /// Whether rows run ahead on guessed tokens (see the article "One pass, many depths"). This changes the speed, but
    /// never the output. It requires the policy ``KVPolicy/full``, and is on by default with that policy.
    public var wavefront: Bool?
    /// Most draft tokens that prompt lookup proposes at once; 0 turns it off. The drafts follow an earlier occurrence
    /// of the last tokens in prompt or output. This changes the speed, but never the output. It requires the wavefront.
    public var draftTokens: Int
    /// The cache policy after the prompt. By default, ``EngineOptions/kvPolicy``. Policies other than ``KVPolicy/full``
    /// change the output.
    public var kvPolicy: KVPolicy?
    /// Whether the last token carries a trace of all rows.
    public var traces: Bool
    /// Whether each token carries its log-probability after every loop that ran. Training on rollouts needs it.
    public var everyLoop: Bool
    /// Requests share cached keys and values only if their salts are equal. Without separate salts, a tenant could
    /// learn from the response time what another tenant has asked.
    public var cacheSalt: String
    /// Least number of tokens. Before it is reached, end-of-text tokens and `stopTokens` are not chosen.
    public var minTokens: Int
    /// How many of the most likely tokens to report for each token.
    public var alternatives: Int
    /// Restricts the tokens that may follow, to those of a grammar, for example. Nil allows all.
    public var constraint: (any TokenConstraint)?
    /// Whether the text contains special tokens. Models that reason need it for `<think>`.
    public var showsSpecialTokens: Bool
    /// Whether the text ends with the stop string or stop token that ended it. End-of-text tokens are never part of the
    /// text.
    package var includesStop = false
    /// The parts of an answer: thoughts, text and tool calls. Stop strings apply to the text alone.
    package var sections = AnswerSections()

    /// Makes a request. Each parameter sets the property of the same name.
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

    /// Makes a request to continue `text`. Each further parameter sets the property of the same name.
    public init(_ text: String, maxTokens: Int = 256, sampling: SamplingParameters? = nil) {
        self.init(.text(text), maxTokens: maxTokens, sampling: sampling)
    }
}
