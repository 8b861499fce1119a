import Foundation

@testable import Ouro

/// The plain sampler: it sorts all candidates and draws noise for each of them. The tests compare the fast one with it.
struct ReferenceSampler {
    let parameters: SamplingParameters
    private let noise: CounterNoise
    // The tokens of prompt and output.
    private var context: Set<Int>
    /// How often the output contains each token.
    private var outputCounts: [Int: Int] = [:]

    init(_ parameters: SamplingParameters, prompt: [Int] = []) {
        self.parameters = parameters
        noise = CounterNoise(seed: parameters.seed)
        context = parameters.repetitionPenalty == 1 ? [] : Set(prompt)
    }

    /// Adds a chosen token to the context.
    mutating func append(_ token: Int) {
        if parameters.repetitionPenalty != 1 { context.insert(token) }
        outputCounts[token, default: 0] += 1
    }

    /// Chooses the token at `position`. `pending` are the tokens between the context and that position. Changes
    /// `logits`.
    func choose(_ logits: UnsafeMutableBufferPointer<Float>, position: Int, pending: [Int] = []) -> Int {
        applyBiasAndPenalties(logits, pending: pending)
        guard parameters.temperature > 0 else { return Self.largest(logits) }
        // The Gumbel-max trick: the token with the largest sum of log-probability and Gumbel noise is a sample.
        var best = (token: 0, score: -Double.infinity)
        for candidate in candidates(logits) {
            let uniform = noise.uniform(position: position, token: candidate.token)
            let score = Double(candidate.logit) - log(-log(uniform))
            if score > best.score { best = (candidate.token, score) }
        }
        return best.token
    }

    /// The probabilities from which the token is drawn, for tests and inspection. Changes `logits`.
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
        func penalise(_ token: Int) {
            guard logits.indices.contains(token) else { return }
            let logit = logits[token]
            logits[token] = logit < 0 ? logit * parameters.repetitionPenalty : logit / parameters.repetitionPenalty
        }
        if parameters.repetitionPenalty != 1 {
            for token in context { penalise(token) }
            for token in Set(pending) where !context.contains(token) { penalise(token) }
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

    // The noise is between -3.7 and 37, because its input has 53 bits. A token this far below the largest logit is
    // never drawn.
    private static let reach: Float = 41

    /// The tokens that can be drawn, with their logits divided by the temperature. Most likely first if a filter needs
    /// that order, otherwise in the order of their IDs.
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
            // Tokens with the same logit as the last one are kept too, as in the reference implementation.
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

    /// The token with the largest logit; of equal ones, the lowest ID.
    static func largest(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        var best = 0
        for (token, logit) in logits.enumerated() where logit > logits[best] { best = token }
        return best
    }
}
