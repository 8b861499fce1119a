/// One request for text: what to continue, how far, and how.
///
/// Everything left at nil takes the model's own default (`generation_config.json`, then `config.json`).
public struct GenerationRequest: Sendable {
    /// The text or tokens to continue.
    public enum Prompt: Sendable, Equatable {
        /// Encoded with the model's tokenizer; special tokens in it are special.
        case text(String)
        case tokens([Int])
        /// Rendered with the model's chat template; special tokens in messages are plain text. `arguments` are what else the
        /// template may use: `enable_thinking` makes thinking models think.
        case chat([ChatMessage], arguments: [String: JSONValue] = [:])
    }

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
    public var traces = false
    /// Whether tokens tell their log-probability after every loop that ran, as training on rollouts needs it.
    public var everyLoop = false
    /// Requests share cached keys and values of equal first tokens only if their salts are equal. A salt for each tenant keeps
    /// one from learning, by the time an answer takes, what another has asked.
    public var cacheSalt = ""
    /// End-of-text tokens and `stopTokens` are not chosen before so many tokens.
    public var minTokens = 0
    /// How many of the most likely tokens to report with every token.
    public var alternatives = 0
    /// What may follow, if not everything.
    public var constraint: (any TokenConstraint)?
    /// Whether special tokens show up in the text of the result. Thinking models need it for `<think>`.
    public var showsSpecialTokens: Bool

    public init(
        _ prompt: Prompt, maxTokens: Int = 256, sampling: SamplingParameters? = nil, exit: ExitPolicy? = nil,
        loops: Int? = nil, stop: [String] = [], stopTokens: Set<Int> = [], ignoresEndOfText: Bool = false,
        wavefront: Bool? = nil, draftTokens: Int = 0, kvPolicy: KVPolicy? = nil, showsSpecialTokens: Bool = false
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
    }

    /// Continues `text`.
    public init(_ text: String, maxTokens: Int = 256, sampling: SamplingParameters? = nil) {
        self.init(.text(text), maxTokens: maxTokens, sampling: sampling)
    }
}

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

/// The tokens of one generation, as they are made. Ending the iteration early, or cancelling its task, stops the work and
/// frees the cache.
public struct TokenStream: AsyncSequence, Sendable {
    public typealias Element = GeneratedToken

    /// Tokens of the prompt.
    public let promptTokens: Int
    let stream: AsyncThrowingStream<GeneratedToken, any Error>

    public func makeAsyncIterator() -> AsyncThrowingStream<GeneratedToken, any Error>.AsyncIterator {
        stream.makeAsyncIterator()
    }

    /// Waits for the end and returns the whole text.
    public func text() async throws -> String {
        var text = ""
        for try await token in self { text += token.text }
        return text
    }
}
