/// How the next token is chosen from the logits.
///
/// The steps run in the order of Transformers: logit bias and penalties, temperature, top-k, top-p, min-p.
public struct SamplingParameters: Sendable, Equatable {
    /// Divides the logits. 0 takes the most likely token, and so does every value below 2^-20 (about 1e-6).
    public var temperature: Float
    /// Keeps this many of the largest logits; 0 keeps all.
    public var topK: Int
    /// Keeps the smallest set of most likely tokens whose cumulative probability reaches this value; 1 keeps all.
    public var topP: Float
    /// Drops tokens whose probability is less than this fraction of the largest one; 0 keeps all.
    public var minP: Float
    /// Divides the positive logits and multiplies the negative logits of tokens in the prompt and the output; 1 has no
    /// effect.
    public var repetitionPenalty: Float
    /// Subtracted from the logit of every token in the output.
    public var presencePenalty: Float
    /// Subtracted from the logit of a token once for each time that the output contains it.
    public var frequencyPenalty: Float
    /// Added to the logits of single tokens, by token ID.
    public var logitBias: [Int: Float]
    /// Seed of the random numbers. The same seed gives the same output, whatever other requests run.
    public var seed: UInt64

    /// Makes sampling parameters. Each parameter sets the property of the same name. The defaults take the most likely
    /// token.
    public init(
        temperature: Float = 0, topK: Int = 0, topP: Float = 1, minP: Float = 0, repetitionPenalty: Float = 1,
        presencePenalty: Float = 0, frequencyPenalty: Float = 0, logitBias: [Int: Float] = [:], seed: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.presencePenalty = presencePenalty
        self.frequencyPenalty = frequencyPenalty
        self.logitBias = logitBias
        self.seed = seed
    }
}

extension SamplingParameters {
    /// Checks the ranges.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` and the name of the first parameter that is out of range.
    func validate(vocabularySize: Int) throws(OuroError) {
        try RequestLimits.check("temperature", temperature, RequestLimits.temperature)
        try RequestLimits.check("top_p", topP, RequestLimits.topP)
        try RequestLimits.check("min_p", minP, RequestLimits.minP)
        try RequestLimits.check("repetition_penalty", repetitionPenalty, RequestLimits.repetitionPenalty)
        try RequestLimits.check("presence_penalty", presencePenalty, RequestLimits.penalty)
        try RequestLimits.check("frequency_penalty", frequencyPenalty, RequestLimits.penalty)
        try RequestLimits.check("top_k", topK, RequestLimits.topK)
        for (token, bias) in logitBias {
            guard (0..<vocabularySize).contains(token) else {
                throw OuroError(
                    .invalidRequest, field: "logit_bias",
                    "token \(token) is not in the vocabulary of \(vocabularySize)")
            }
            try RequestLimits.check("logit_bias", bias, RequestLimits.logitBias)
        }
    }
}
