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
    /// The place of the response format in the request, for errors.
    var formatPlace: (field: String, place: String)?
    /// Whether the text ends with the stop string that ended it.
    var includesStop: Bool
    /// Whether the response has the ids of the tokens.
    var returnsTokenIDs: Bool
    /// The number of alternatives for each token of the prompt. Nil does not score the prompt.
    var promptLogprobs: Int?

    /// - Throws: `APIError` with status 400. It names the field.
    init(_ fields: RequestFields, engine: Engine) throws {
        let size = engine.configuration.vocabularySize
        var sampling = engine.defaultSampling
        let temperature = try fields.float(.temperature)
        let topP = try fields.float(.topP)
        let topK = try fields.integer(.topK)
        let minP = try fields.float(.minP)
        // A filter such as `top_p` implies sampling, so the default temperature is then 1.
        let wantsToSample = (topP ?? 1) < 1 || (topK ?? 0) > 0 || (minP ?? 0) > 0
        sampling.temperature = temperature ?? (wantsToSample && sampling.temperature == 0 ? 1 : sampling.temperature)
        sampling.topP = topP ?? sampling.topP
        sampling.topK = topK.map { max(0, $0) } ?? sampling.topK
        sampling.minP = minP ?? sampling.minP
        sampling.repetitionPenalty =
            try fields.float(.repetitionPenalty) ?? sampling.repetitionPenalty
        sampling.presencePenalty = try fields.float(.presencePenalty) ?? 0
        sampling.frequencyPenalty = try fields.float(.frequencyPenalty) ?? 0
        sampling.seed =
            try fields.integer(.seed).map { UInt64(bitPattern: Int64($0)) }
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
        loops = try fields.integer(.loops)
        let threshold = try fields.float(.exitThreshold)
        let exitAt = try fields.integer(.exitAt)
        guard threshold == nil || exitAt == nil else {
            throw fields.failure("exit_at", "exit_at and exit_threshold exclude each other; give one of them")
        }
        exit = exitAt.map { .fixed(loop: $0) } ?? threshold.map { .threshold($0) }
        kvPolicy = try fields.word(.kvPolicy).flatMap(KVPolicy.init)
        stop = try fields.strings(.stop, bytes: RequestLimits.Request.stopStringBytes) ?? []
        stopTokens = Set(try fields.integers(.stopTokenIDs, 0...size - 1) ?? [])
        minTokens = try fields.integer(.minTokens) ?? 0
        promptLimit = try fields.integer(.truncatePromptTokens)
        ignoresEndOfText = try fields.flag(.ignoreEOS) ?? false
        showsSpecialTokens = !(try fields.flag(.skipSpecialTokens) ?? true)
        wavefront = try fields.flag(.wavefront)
        draftTokens = try fields.integer(.draftTokens) ?? 0
        cacheSalt = try fields.string(.cacheSalt, bytes: 0...RequestLimits.Request.saltBytes) ?? ""
        count = try fields.integer(.n) ?? 1
        streams = try fields.flag(.stream) ?? false
        includesUsage = try fields.object("stream_options")?.flag("include_usage") ?? false
        loopDetails = try fields.flag(.loopDetails) ?? false
        responseFormat = try ResponseFormat(fields)
        formatPlace = ResponseFormat.place(in: fields)
        includesStop = try fields.flag(.includeStop) ?? false
        returnsTokenIDs = try fields.flag(.returnTokenIDs) ?? false
        promptLogprobs = try fields.integer(.promptLogprobs)
        if promptLogprobs != nil, streams {
            throw fields.failure("prompt_logprobs", "cannot be streamed; leave out stream")
        }
        // The server has one model, so any name is accepted.
        _ = try fields.string(.model)
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
        request.includesStop = includesStop
        return request
    }
}
