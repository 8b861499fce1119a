extension Engine {
    /// The tokens of a prompt.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` for an empty prompt, tokens outside the vocabulary, or text
    ///   without a tokenizer.
    public func tokens(of prompt: Prompt) throws(OuroError) -> [Int] {
        let tokens: [Int]
        switch prompt {
        case .tokens(let given): tokens = given
        case .text(let text): tokens = try needTokenizer().encode(text)
        case .chat(let messages, let arguments): tokens = try chatTokens(messages, arguments)
        }
        guard !tokens.isEmpty else { throw OuroError(.invalidRequest, field: "prompt", "the prompt is empty") }
        if let bad = tokens.first(where: { !(0..<configuration.vocabularySize).contains($0) }) {
            throw OuroError(
                .invalidRequest, field: "prompt",
                "token \(bad) is not in the vocabulary (0 to \(configuration.vocabularySize - 1))")
        }
        return tokens
    }

    /// Tokens that end a text: those of `generation_config.json` or `config.json`, and `<|endoftext|>` and `<|im_end|>`
    /// where the tokenizer has them (published Ouro files name only the first).
    public var endOfTextTokens: Set<Int> {
        var tokens = Set(generationDefaults.eosTokenIDs ?? configuration.eosTokenIDs)
        for name in ["<|endoftext|>", "<|im_end|>"] {
            if let id = tokenizer?.id(of: name), tokenizer?.isSpecial(id) == true { tokens.insert(id) }
        }
        return tokens
    }

    /// The sampling parameters that a request without its own gets: `generation_config.json`'s if it says `do_sample`,
    /// greedy otherwise, as in the reference.
    public var defaultSampling: SamplingParameters {
        let defaults = generationDefaults
        var sampling = SamplingParameters(repetitionPenalty: defaults.repetitionPenalty ?? 1)
        if defaults.doSample == true {
            sampling.temperature = defaults.temperature ?? 1
            sampling.topK = defaults.topK ?? 50
            sampling.topP = defaults.topP ?? 1
            sampling.minP = defaults.minP ?? 0
        }
        return sampling
    }

    /// Fills in the defaults of a generation request, and checks every value.
    func resolve(_ request: GenerationRequest, promptCount: Int) throws(OuroError) -> ResolvedRequest {
        let loops = try resolve(loops: request.loops)
        let exit = try resolve(exit: request.exit)
        guard request.maxTokens >= 1 else {
            throw OuroError(.invalidRequest, field: "max_tokens", "expected at least 1, found \(request.maxTokens)")
        }
        let room = try room(after: promptCount, atLeast: 1)
        var sampling = request.sampling ?? defaultSampling
        try sampling.validate(vocabularySize: configuration.vocabularySize)
        if request.sampling == nil, sampling.temperature > 0 { sampling.seed = .random(in: 0 ... .max) }
        if let bad = request.stopTokens.first(where: { !(0..<configuration.vocabularySize).contains($0) }) {
            throw OuroError(.invalidRequest, field: "stop_tokens", "token \(bad) is not in the vocabulary")
        }
        if !request.stop.isEmpty { _ = try needTokenizer() }
        try RequestLimits.check("draft_tokens", request.draftTokens, RequestLimits.draftTokens)
        guard (0...request.maxTokens).contains(request.minTokens) else {
            throw OuroError(
                .invalidRequest, field: "min_tokens",
                "expected 0 to max_tokens (\(request.maxTokens)), found \(request.minTokens)")
        }
        try checkAlternatives(request.alternatives)
        let policy = request.kvPolicy ?? options.kvPolicy
        try checkPolicy(policy)
        try checkGuessing(request, policy)
        return ResolvedRequest(
            vocabularySize: configuration.vocabularySize, loops: loops, exit: exit,
            maxTokens: min(request.maxTokens, room),
            endTokens: request.stopTokens.union(request.ignoresEndOfText ? [] : endOfTextTokens), sampling: sampling,
            prefillChunk: options.prefillChunk, wavefront: request.wavefront ?? (policy == .full),
            draftTokens: request.draftTokens, kvPolicy: policy, traces: request.traces, everyLoop: request.everyLoop,
            cacheSalt: request.cacheSalt, minTokens: request.minTokens, alternatives: request.alternatives,
            constraint: request.constraint,
            text: TextAssembler(
                tokenizer: tokenizer, stop: request.stop, showsSpecialTokens: request.showsSpecialTokens))
    }

    /// Fills in the defaults of a scoring request, and checks every value.
    func resolve(_ request: ScoringRequest) throws(OuroError) -> ResolvedScoring {
        let tokens = try tokens(of: request.prompt)
        try checkAlternatives(request.alternatives)
        var resolved = ResolvedScoring(
            tokens: tokens, loops: try resolve(loops: request.loops), exit: try resolve(exit: request.exit),
            prefillChunk: options.prefillChunk)
        _ = try room(after: tokens.count, atLeast: 0)
        try checkPolicy(request.kvPolicy)
        resolved.promptTokens = request.promptTokens ?? tokens.count
        guard (1...tokens.count).contains(resolved.promptTokens),
            request.kvPolicy == .full || request.promptTokens != nil
        else {
            throw OuroError(
                .invalidRequest, field: "prompt_tokens",
                "expected 1 to \(tokens.count), the tokens before kv_policy '\(request.kvPolicy.rawValue)' applies, found "
                    + (request.promptTokens.map(String.init) ?? "none"))
        }
        resolved.alternatives = request.alternatives
        resolved.cacheSalt = request.cacheSalt
        resolved.kvPolicy = request.kvPolicy
        return resolved
    }

    private func resolve(loops: Int?) throws(OuroError) -> Int {
        let loops = loops ?? configuration.loops
        try RequestLimits.check("loops", loops, RequestLimits.loops)
        return loops
    }

    private func resolve(exit: ExitPolicy?) throws(OuroError) -> ExitPolicy {
        let exit = exit ?? .threshold(configuration.exitThreshold)
        try exit.validate()
        return exit
    }

    /// Positions that the context has after the prompt.
    private func room(after promptCount: Int, atLeast least: Int) throws(OuroError) -> Int {
        let room = configuration.contextLength - promptCount
        guard room >= least else {
            throw OuroError(
                .contextExceeded, field: "prompt",
                "the prompt has \(promptCount) tokens, the model's context \(configuration.contextLength)")
        }
        return room
    }

    func checkAlternatives(_ count: Int) throws(OuroError) {
        let range = RequestLimits.alternatives.clamped(to: 0...configuration.vocabularySize)
        try RequestLimits.check("alternatives", count, range)
    }

    private func checkPolicy(_ policy: KVPolicy) throws(OuroError) {
        guard !policies.contains(policy) else { return }
        let known = KVPolicy.allCases.filter(policies.contains).map(\.rawValue).joined(separator: ", ")
        throw OuroError(
            .unsupported, field: "kv_policy",
            "the device \(device) has no '\(policy.rawValue)'; choose one of: \(known)")
    }

    /// Rows on guesses need every loop's own keys and values, because a dropped row must leave nothing behind.
    private func checkGuessing(_ request: GenerationRequest, _ policy: KVPolicy) throws(OuroError) {
        guard policy != .full else { return }
        if request.wavefront == true {
            throw OuroError(
                .invalidRequest, field: "wavefront",
                "needs kv_policy 'full', found '\(policy.rawValue)'; turn the wavefront off or keep full keys and values"
            )
        }
        if request.draftTokens > 0 {
            throw OuroError(
                .invalidRequest, field: "draft_tokens",
                "\(request.draftTokens) need kv_policy 'full', found '\(policy.rawValue)'; leave drafts out or keep full "
                    + "keys and values")
        }
    }

    private func needTokenizer() throws(OuroError) -> Tokenizer {
        guard let tokenizer else {
            throw OuroError(
                .invalidRequest, file: "tokenizer.json", "the model folder has none; give the prompt as token ids")
        }
        return tokenizer
    }

    private func chatTokens(
        _ messages: [ChatMessage], _ arguments: [String: JSONValue]
    ) throws(OuroError) -> [Int] {
        guard !messages.isEmpty else { throw OuroError(.invalidRequest, field: "messages", "there are no messages") }
        let tokenizer = try needTokenizer()
        // What people write must not become control tokens; what the model wrote (`<think>`) may be some.
        let shielded = messages.map { message in
            ChatMessage(
                role: tokenizer.shieldingSpecialTokens(in: message.role),
                content: message.role == "assistant"
                    ? message.content : tokenizer.shieldingSpecialTokens(in: message.content))
        }
        let values = arguments.mapValues { $0.mapStrings(tokenizer.shieldingSpecialTokens) }
        return tokenizer.encode(
            try chatTemplate.render(messages: shielded, arguments: values), removingMarkers: true)
    }
}
