import Foundation

/// Chooses tokens. Deterministic: the choice depends on logits, context, seed and position alone.
package struct Sampler: Sendable {
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

    static func largest(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        var best = 0
        for (token, logit) in logits.enumerated() where logit > logits[best] { best = token }
        return best
    }
}
