extension Engine {
    /// Turns a prompt into tokens.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` for an empty prompt, for tokens outside the vocabulary, and
    ///   for text if the model has no tokenizer. The code is `invalidTemplate` if the chat template fails.
    public func tokens(of prompt: Prompt) throws(OuroError) -> [Int] {
        let tokens: [Int]
        switch prompt {
        case .tokens(let given): tokens = given
        case .text(let text): tokens = try needTokenizer().encode(text)
        case .chat(let messages, let arguments): tokens = try chatPrompt(messages, arguments: arguments).tokens
        }
        guard !tokens.isEmpty else { throw OuroError(.invalidRequest, field: "prompt", "the prompt is empty") }
        if let bad = tokens.first(where: { !(0..<configuration.vocabularySize).contains($0) }) {
            throw OuroError(
                .invalidRequest, field: "prompt",
                "token \(bad) is not in the vocabulary (0 to \(configuration.vocabularySize - 1))")
        }
        return tokens
    }

    /// Tokens that end a text: those in `generation_config.json` or else in `config.json`, and also `<|endoftext|>` and
    /// `<|im_end|>` if the tokenizer has them. (Published Ouro files name only the first.)
    public var endOfTextTokens: Set<Int> {
        var tokens = Set(generationDefaults.eosTokenIDs ?? configuration.eosTokenIDs)
        for name in ["<|endoftext|>", "<|im_end|>"] {
            if let id = tokenizer?.id(of: name), tokenizer?.isSpecial(id) == true { tokens.insert(id) }
        }
        return tokens
    }

    /// The sampling parameters of requests that set none. If `generation_config.json` sets `do_sample`, they are those
    /// of the file. Otherwise the most likely token is taken, as in the reference implementation.
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

    /// Checks a generation request and fills in its defaults.
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
        // A special token has no visible text, so as a stop string it stops by its id.
        let stopSpecials = Set(
            request.stop.compactMap { tokenizer?.id(of: $0) }.filter { tokenizer?.isSpecial($0) == true })
        let chosenEnds = request.stopTokens.union(stopSpecials)
        return ResolvedRequest(
            vocabularySize: configuration.vocabularySize, loops: loops, exit: exit,
            maxTokens: min(request.maxTokens, room),
            endTokens: chosenEnds.union(request.ignoresEndOfText ? [] : endOfTextTokens), sampling: sampling,
            prefillChunk: options.prefillChunk, wavefront: request.wavefront ?? (policy == .full),
            draftTokens: request.draftTokens, kvPolicy: policy, traces: request.traces, everyLoop: request.everyLoop,
            cacheSalt: request.cacheSalt, minTokens: request.minTokens, alternatives: request.alternatives,
            constraint: request.constraint,
            text: TextAssembler(
                tokenizer: tokenizer, stop: request.stop, showsSpecialTokens: request.showsSpecialTokens,
                sections: request.sections,
                ends: .init(shown: request.includesStop ? chosenEnds : [], strings: stopSpecials),
                includesStop: request.includesStop))
    }

    /// Checks a scoring request and fills in its defaults.
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
                "expected 1 to \(tokens.count), the number of tokens before kv_policy "
                    + "'\(request.kvPolicy.rawValue)' applies, found "
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

    /// Most tokens that a request can get: what is left of the context and of the cache's budget after the prompt.
    ///
    /// - Parameters:
    ///   - promptCount: the number of tokens of the prompt.
    ///   - loops: the loops of the request. By default, the model's.
    package func room(after promptCount: Int, loops: Int? = nil) -> Int {
        let layout = KVLayout(configuration, type: kvType)
        let pages = cacheMemory / max(1, layout.bytesPerBlock) / max(1, loops ?? configuration.loops)
        let (positions, overflows) = pages.multipliedReportingOverflow(by: KVLayout.positionsPerBlock)
        return min(configuration.contextLength, overflows ? .max : positions) - promptCount
    }

    /// Positions left in the context after the prompt.
    private func room(after promptCount: Int, atLeast least: Int) throws(OuroError) -> Int {
        let room = configuration.contextLength - promptCount
        guard room >= least else {
            throw OuroError(
                .contextExceeded, field: "prompt",
                // Clients look for these words.
                "This model's maximum context length is \(configuration.contextLength) tokens. However, your request has "
                    + "\(promptCount) tokens.")
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
            "the device \(device) does not support '\(policy.rawValue)'; choose one of: \(known)")
    }

    /// Checks that rows on guesses are requested only with full keys and values, because a rejected row must leave no
    /// trace.
    private func checkGuessing(_ request: GenerationRequest, _ policy: KVPolicy) throws(OuroError) {
        guard policy != .full else { return }
        if request.wavefront == true {
            throw OuroError(
                .invalidRequest, field: "wavefront",
                "the wavefront needs kv_policy 'full', found '\(policy.rawValue)'; turn the wavefront off or use 'full'"
            )
        }
        if request.draftTokens > 0 {
            throw OuroError(
                .invalidRequest, field: "draft_tokens",
                "draft tokens need kv_policy 'full', found '\(policy.rawValue)'; set draft_tokens to 0 or use 'full'")
        }
    }

    func needTokenizer() throws(OuroError) -> Tokenizer {
        guard let tokenizer else {
            throw OuroError(
                .invalidRequest, file: "tokenizer.json",
                "the model folder has no tokenizer; give the prompt as token IDs")
        }
        return tokenizer
    }
}
