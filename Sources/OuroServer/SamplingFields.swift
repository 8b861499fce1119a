import Ouro

/// The shared fields of completions and chat: sampling, loops and exits, stop rules, output.
struct SamplingFields {
    var sampling: SamplingParameters
    var exit: ExitPolicy?
    var loops: Int?
    var stop: [String]
    var stopTokens: Set<Int>
    var minTokens: Int
    /// Keep only this number of tokens at the end of a prompt. Nil keeps all.
    var promptLimit: Int?
    var ignoresEndOfText: Bool
    var showsSpecialTokens: Bool
    var wavefront: Bool?
    var kvPolicy: KVPolicy?
    var draftTokens: Int
    var cacheSalt: String
    var count: Int
    var streams: Bool
    var includesUsage: Bool
    /// Whether the response has the exit loop, exit distribution and gates of every token.
    var loopDetails: Bool
    var responseFormat: ResponseFormat

    /// - Throws: `APIError` with status 400. It names the field.
    init(_ fields: RequestFields, engine: Engine) throws {
        let size = engine.configuration.vocabularySize
        var sampling = engine.defaultSampling
        let temperature = try fields.float("temperature", RequestLimits.OpenAI.temperature)
        let topP = try fields.float("top_p", RequestLimits.OpenAI.topP)
        let topK = try fields.integer("top_k", -1...RequestLimits.topK.upperBound)
        let minP = try fields.float("min_p", RequestLimits.minP)
        // A filter such as `top_p` implies sampling, so the default temperature is then 1.
        let wantsToSample = (topP ?? 1) < 1 || (topK ?? 0) > 0 || (minP ?? 0) > 0
        sampling.temperature = temperature ?? (wantsToSample && sampling.temperature == 0 ? 1 : sampling.temperature)
        sampling.topP = topP ?? sampling.topP
        sampling.topK = topK.map { max(0, $0) } ?? sampling.topK
        sampling.minP = minP ?? sampling.minP
        sampling.repetitionPenalty =
            try fields.float("repetition_penalty", RequestLimits.repetitionPenalty) ?? sampling.repetitionPenalty
        sampling.presencePenalty = try fields.float("presence_penalty", RequestLimits.OpenAI.penalty) ?? 0
        sampling.frequencyPenalty = try fields.float("frequency_penalty", RequestLimits.OpenAI.penalty) ?? 0
        sampling.seed =
            try fields.integer("seed", Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
            ?? .random(in: 0 ... .max)
        if let biases = try fields.object("logit_bias") {
            guard biases.members.count <= RequestLimits.Request.biases else {
                throw fields.failure(
                    "logit_bias",
                    "expected at most \(RequestLimits.Request.biases) tokens, found \(biases.members.count)")
            }
            for key in biases.members.keys {
                guard let id = Int(key), (0..<size).contains(id) else {
                    throw fields.failure(
                        "logit_bias", "expected token ids from 0 to \(size - 1), found \(JSONValue.quote(key))")
                }
                // "7" and "07" are two keys of one token.
                guard sampling.logitBias[id] == nil else {
                    throw fields.failure("logit_bias", "the token \(id) appears twice; remove one of the two")
                }
                sampling.logitBias[id] = try biases.float(key, RequestLimits.OpenAI.logitBias)
            }
        }
        self.sampling = sampling
        loops = try fields.integer("loops", RequestLimits.loops)
        let threshold = try fields.float("exit_threshold", RequestLimits.exitThreshold)
        let exitAt = try fields.integer("exit_at", RequestLimits.loops)
        guard threshold == nil || exitAt == nil else {
            throw fields.failure("exit_at", "exit_at and exit_threshold exclude each other; give one of them")
        }
        exit = exitAt.map { .fixed(loop: $0) } ?? threshold.map { .threshold($0) }
        kvPolicy = try fields.choice("kv_policy", of: KVPolicy.allCases.map(\.rawValue)).flatMap(KVPolicy.init)
        stop =
            try fields.strings(
                "stop", limit: RequestLimits.Request.stopStrings, bytes: RequestLimits.Request.stopStringBytes) ?? []
        stopTokens = Set(
            try fields.integers("stop_token_ids", 0...size - 1, limit: RequestLimits.Request.stopTokens) ?? [])
        minTokens = try fields.integer("min_tokens", 0...RequestLimits.Request.tokens) ?? 0
        promptLimit = try fields.integer("truncate_prompt_tokens", 1...RequestLimits.Request.tokens)
        ignoresEndOfText = try fields.flag("ignore_eos") ?? false
        showsSpecialTokens = !(try fields.flag("skip_special_tokens") ?? true)
        wavefront = try fields.flag("wavefront")
        draftTokens = try fields.integer("draft_tokens", RequestLimits.draftTokens) ?? 0
        cacheSalt = try fields.string("cache_salt", bytes: 0...RequestLimits.Request.saltBytes) ?? ""
        count = try fields.integer("n", RequestLimits.OpenAI.samples) ?? 1
        streams = try fields.flag("stream") ?? false
        includesUsage = try fields.object("stream_options")?.flag("include_usage") ?? false
        loopDetails = try fields.flag("loop_details") ?? false
        responseFormat = try ResponseFormat(fields)
        // The server has one model, so any name is accepted.
        _ = try fields.string("model")
        try Self.refuseWhatIsNotThere(fields, count: count)
    }

    /// Refuses unsupported fields of other servers that would change the meaning of the answer.
    private static func refuseWhatIsNotThere(_ fields: RequestFields, count: Int) throws {
        func isOff(_ value: JSONValue) -> Bool {
            [.bool(false), .int(0), .string(""), .array([]), .object([:])].contains(value)
        }
        try fields.refuse("best_of", unless: { $0 == .int(1) || $0 == .int(count) }, "is not supported; use n")
        try fields.refuse("suffix", unless: isOff, "inserting text is not supported")
        for name in ["tools", "functions"] { try fields.refuse(name, unless: isOff, "\(name) are not supported") }
        for name in ["tool_choice", "function_call"] {
            try fields.refuse(
                name, unless: { $0 == .string("none") || $0 == .string("auto") }, "tools are not supported")
        }
        try fields.refuse("modalities", unless: { $0 == .array([.string("text")]) }, "only text is supported")
        try fields.refuse("length_penalty", unless: { $0 == .int(1) || $0 == .double(1) }, "is not supported")
        try fields.refuse("typical_p", unless: { $0 == .int(1) || $0 == .double(1) }, "is not supported")
        for name in [
            "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar",
            "json_schema",
        ] {
            try fields.refuse(name, unless: { _ in false }, "is not supported; use response_format")
        }
        for name in [
            "use_beam_search", "bad_words", "allowed_token_ids", "prompt_logprobs", "prompt_embeds",
            "include_stop_str_in_output", "audio", "chat_template", "continue_final_message", "documents",
        ] {
            try fields.refuse(name, unless: isOff, "is not supported")
        }
        try fields.refuse("add_generation_prompt", unless: { $0 == .bool(true) }, "only true is supported")
    }

    func shortened(_ prompt: [Int]) -> [Int] { promptLimit.map { prompt.suffix($0) } ?? prompt }

    /// The request for one sample of a prompt.
    func request(
        _ prompt: [Int], sample: Int, maxTokens: Int, alternatives: Int, constraint: (any TokenConstraint)?
    ) -> GenerationRequest {
        var request = GenerationRequest(
            .tokens(prompt), maxTokens: maxTokens, sampling: sampling, exit: exit, loops: loops, stop: stop,
            stopTokens: stopTokens, ignoresEndOfText: ignoresEndOfText, wavefront: wavefront,
            draftTokens: draftTokens, showsSpecialTokens: showsSpecialTokens)
        request.sampling?.seed = sampling.seed &+ UInt64(sample)
        request.minTokens = minTokens
        request.cacheSalt = cacheSalt
        request.kvPolicy = kvPolicy
        request.alternatives = alternatives
        request.constraint = constraint
        return request
    }
}
