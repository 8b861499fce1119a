/// Says how a request's tokens are chosen. A device does the arithmetic.
///
/// The choice is deterministic: it depends only on logits, context, seed and position.
package struct Sampler: Sendable {
    let parameters: SamplingParameters
    /// The biases in the order of their tokens.
    private let biases: [(token: Int, bias: Float)]
    /// The distinct tokens of prompt and output, if there is a repetition penalty.
    private var context: [Int] = []
    /// The same tokens, to find out whether a token is among them.
    private var isInContext: Set<Int> = []
    /// The distinct tokens of the output and how often it contains each, if there is a presence or frequency penalty.
    private var counts: [(token: Int, count: Int)] = []
    /// The index of each token in `counts`.
    private var places: [Int: Int] = [:]

    package init(_ parameters: SamplingParameters, prompt: [Int]) {
        self.parameters = parameters
        biases = parameters.logitBias.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        if penalisesRepetition { for token in prompt { addToContext(token) } }
    }

    private var penalisesRepetition: Bool { parameters.repetitionPenalty != 1 }
    private var penalisesCounts: Bool { parameters.presencePenalty != 0 || parameters.frequencyPenalty != 0 }

    /// Whether biases or penalties change the model's own logits.
    var changesLogits: Bool { !biases.isEmpty || penalisesRepetition || penalisesCounts }

    /// Whether the choice is always the largest of the model's own logits.
    package var takesLargestLogit: Bool { parameters.takesLargest && !changesLogits }

    /// Adds a chosen token to the context.
    package mutating func append(_ token: Int) {
        if penalisesRepetition { addToContext(token) }
        guard penalisesCounts else { return }
        if let place = places[token] {
            counts[place].count += 1
        } else {
            places[token] = counts.count
            counts.append((token, 1))
        }
    }

    private mutating func addToContext(_ token: Int) {
        if isInContext.insert(token).inserted { context.append(token) }
    }

    /// Adds biases to logits and subtracts penalties. `pending` are the tokens between the context and the position of
    /// the choice.
    func adjust(_ logits: UnsafeMutableBufferPointer<Float>, pending: [Int]) {
        for (token, bias) in biases { logits[token] += bias }
        if penalisesRepetition {
            for token in context { penaliseRepetition(of: token, logits) }
            for (index, token) in pending.enumerated()
            where !isInContext.contains(token) && !pending[..<index].contains(token) {
                penaliseRepetition(of: token, logits)
            }
        }
        guard penalisesCounts else { return }
        // A pending token adds to the count of the output, so its logit is computed from its value before.
        let before = pending.map { logits[$0] }
        for (token, count) in counts { logits[token] -= penalty(count: count) }
        for (index, token) in pending.enumerated() where !pending[..<index].contains(token) {
            let count = (places[token].map { counts[$0].count } ?? 0) + pending.count { $0 == token }
            logits[token] = before[index] - penalty(count: count)
        }
    }

    private func penaliseRepetition(of token: Int, _ logits: UnsafeMutableBufferPointer<Float>) {
        guard logits.indices.contains(token) else { return }
        let logit = logits[token]
        logits[token] = logit < 0 ? logit * parameters.repetitionPenalty : logit / parameters.repetitionPenalty
    }

    private func penalty(count: Int) -> Float {
        parameters.presencePenalty + Float(count) * parameters.frequencyPenalty
    }
}

extension SamplingParameters {
    /// Temperatures below this one act as 0.
    ///
    /// Logits near 16 have a spacing of 2^-20 in f32. Below this temperature, a quotient therefore tells only the order
    /// of the logits. Still lower temperatures would make quotients infinite, so that every large logit were a candidate.
    static let leastTemperature: Float = 0x1p-20

    /// Whether the token with the largest logit is taken.
    var takesLargest: Bool { !(temperature >= Self.leastTemperature) }
}
