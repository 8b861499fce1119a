import Foundation

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
        func check(_ name: String, _ value: Float, _ range: ClosedRange<Float>) throws(OuroError) {
            guard range.contains(value) else {
                throw OuroError(
                    .invalidRequest, field: name,
                    "expected a number from \(range.lowerBound) to \(range.upperBound), found \(value)")
            }
        }
        try check("temperature", temperature, 0...100)
        try check("top_p", topP, 0...1)
        try check("min_p", minP, 0...1)
        try check("repetition_penalty", repetitionPenalty, 0.01...100)
        try check("presence_penalty", presencePenalty, -100...100)
        try check("frequency_penalty", frequencyPenalty, -100...100)
        guard topK >= 0 else {
            throw OuroError(.invalidRequest, field: "top_k", "expected an integer from 0, found \(topK)")
        }
        for (token, bias) in logitBias {
            guard (0..<vocabularySize).contains(token) else {
                throw OuroError(
                    .invalidRequest, field: "logit_bias",
                    "token \(token) is not in the vocabulary of \(vocabularySize)")
            }
            try check("logit_bias", bias, -1000...1000)
        }
    }
}

/// Chooses tokens. Deterministic: the choice depends on logits, context, seed and position alone.
struct Sampler: Sendable {
    let parameters: SamplingParameters
    private let noise: CounterNoise
    // Tokens of prompt and output, and how often the output has each.
    private var context: Set<Int>
    private var outputCounts: [Int: Int] = [:]

    init(_ parameters: SamplingParameters, prompt: [Int]) {
        self.parameters = parameters
        noise = CounterNoise(seed: parameters.seed)
        context = parameters.repetitionPenalty == 1 ? [] : Set(prompt)
    }

    /// Whether the choice is simply the largest of the model's own logits.
    var takesLargestLogit: Bool {
        parameters.temperature == 0 && parameters.logitBias.isEmpty && parameters.repetitionPenalty == 1
            && parameters.presencePenalty == 0 && parameters.frequencyPenalty == 0
    }

    /// Takes note of a token that was chosen.
    mutating func append(_ token: Int) {
        if parameters.repetitionPenalty != 1 { context.insert(token) }
        outputCounts[token, default: 0] += 1
    }

    /// The next token, for `position`, after the tokens taken note of and `pending` ones; `logits` are changed.
    func choose(_ logits: UnsafeMutableBufferPointer<Float>, position: Int, pending: [Int] = []) -> Int {
        applyBiasAndPenalties(logits, pending: pending)
        guard parameters.temperature > 0 else { return Self.largest(logits) }
        // Gumbel-max: the largest of log-probability plus noise is a sample.
        var best = (token: 0, score: -Double.infinity)
        for candidate in candidates(logits) {
            let uniform = noise.uniform(position: position, token: candidate.token)
            let score = Double(candidate.logit) - log(-log(uniform))
            if score > best.score { best = (candidate.token, score) }
        }
        return best.token
    }

    /// The probabilities the token is drawn from (for tests and inspection); `logits` are changed.
    func probabilities(_ logits: UnsafeMutableBufferPointer<Float>) -> [Float] {
        applyBiasAndPenalties(logits, pending: [])
        var result = [Float](repeating: 0, count: logits.count)
        if parameters.temperature == 0 {
            result[Self.largest(logits)] = 1
            return result
        }
        let kept = candidates(logits)
        let largest = kept.map(\.logit).max() ?? 0
        let total = kept.reduce(0.0) { $0 + exp(Double($1.logit - largest)) }
        for candidate in kept { result[candidate.token] = Float(exp(Double(candidate.logit - largest)) / total) }
        return result
    }

    private func applyBiasAndPenalties(_ logits: UnsafeMutableBufferPointer<Float>, pending: [Int]) {
        for (token, bias) in parameters.logitBias { logits[token] += bias }
        func punish(_ token: Int) {
            guard logits.indices.contains(token) else { return }
            let logit = logits[token]
            logits[token] = logit < 0 ? logit * parameters.repetitionPenalty : logit / parameters.repetitionPenalty
        }
        if parameters.repetitionPenalty != 1 {
            for token in context { punish(token) }
            for token in Set(pending) where !context.contains(token) { punish(token) }
        }
        if parameters.presencePenalty != 0 || parameters.frequencyPenalty != 0 {
            var counts = outputCounts
            for token in pending { counts[token, default: 0] += 1 }
            for (token, count) in counts {
                logits[token] -= parameters.presencePenalty + Float(count) * parameters.frequencyPenalty
            }
        }
    }

    private struct Candidate {
        var token: Int
        var logit: Float
    }

    // Noise lies between -3.7 and 37 (53 bits), so a token this far below the largest logit is never drawn.
    private static let reach: Float = 41

    /// The tokens that can be drawn, with their logits over the temperature: most likely first where a filter needs the
    /// order, otherwise in the order of their ids.
    private func candidates(_ logits: UnsafeMutableBufferPointer<Float>) -> [Candidate] {
        let temperature = parameters.temperature
        let largest = (logits.max() ?? 0) / temperature
        var kept: [Candidate] = []
        for (token, logit) in logits.enumerated() where logit / temperature >= largest - Self.reach {
            kept.append(Candidate(token: token, logit: logit / temperature))
        }
        let filtersByRank = (parameters.topK > 0 && parameters.topK < kept.count) || parameters.topP < 1
        guard filtersByRank || parameters.minP > 0 else { return kept }
        if filtersByRank { kept.sort { ($0.logit, -$0.token) > ($1.logit, -$1.token) } }
        if parameters.topK > 0, parameters.topK < kept.count {
            // Equals of the last one kept stay, as in the reference.
            let lowest = kept[parameters.topK - 1].logit
            kept.removeLast(kept.count - (kept.firstIndex { $0.logit < lowest } ?? kept.count))
        }
        if parameters.topP < 1 {
            let weights = kept.map { exp(Double($0.logit - largest)) }
            let target = Double(parameters.topP) * weights.reduce(0, +)
            var sum = 0.0
            var count = 0
            while count < kept.count && (count == 0 || sum < target) {
                sum += weights[count]
                count += 1
            }
            kept.removeLast(kept.count - count)
        }
        if parameters.minP > 0 {
            let lowest = largest + logf(parameters.minP)
            kept.removeAll { $0.logit < lowest }
        }
        return kept
    }

    private static func largest(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        var best = 0
        for (token, logit) in logits.enumerated() where logit > logits[best] { best = token }
        return best
    }
}
