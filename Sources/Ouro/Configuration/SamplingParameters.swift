/// How the next token is chosen from the logits.
///
/// The processors run in Transformers' order: logit bias and penalties, temperature, top-k, top-p, min-p.
public struct SamplingParameters: Sendable, Equatable {
    /// 0 takes the most likely token.
    public var temperature: Float
    /// Keep this many of the largest logits; 0 keeps all.
    public var topK: Int
    /// Keep the smallest set of tokens whose probability reaches this; 1 keeps all.
    public var topP: Float
    /// Drop tokens less likely than this fraction of the most likely one; 0 keeps all.
    public var minP: Float
    /// Divides positive and multiplies negative logits of tokens in prompt and output; 1 changes nothing.
    public var repetitionPenalty: Float
    /// Subtracted from the logits of tokens that the output contains.
    public var presencePenalty: Float
    /// Subtracted from the logits of tokens once for every time that the output contains them.
    public var frequencyPenalty: Float
    /// Added to the logits of given tokens.
    public var logitBias: [Int: Float]
    /// The same seed gives the same output, whatever runs beside it.
    public var seed: UInt64

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
    /// - Throws: ``OuroError`` with code `invalidRequest` naming the first parameter that is out of range.
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
