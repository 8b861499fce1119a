import Ouro

extension GenerationService {
    /// `prompt_logprobs` in vLLM's form: null for the first token, then an object for each token. Its keys are token ids:
    /// the token itself and the most likely ones. Nil if the request does not ask for it.
    func promptLogprobs(_ prompt: [Int], _ common: SamplingFields) async throws -> JSONOutput? {
        guard let count = common.promptLogprobs else { return nil }
        let scores = try await engine.score(
            ScoringRequest(
                .tokens(prompt), loops: common.loops, exit: common.exit, alternatives: count,
                cacheSalt: common.cacheSalt))
        let texts = TokenText(tokenizer: engine.tokenizer)
        var entries: [JSONOutput] = [.null]
        for (before, score) in zip(scores, scores.dropFirst()) {
            var members: [(String, JSONOutput)] = []
            func add(_ id: Int, _ logProbability: Float?, rank: Int?) {
                guard !members.contains(where: { $0.0 == "\(id)" }) else { return }
                members.append(
                    (
                        "\(id)",
                        .object([
                            "logprob": logProbability.map { .float($0) } ?? .null,
                            "rank": rank.map { .int($0) } ?? .null, "decoded_token": .string(texts.text(id)),
                        ])
                    ))
            }
            let rank = before.alternatives.firstIndex { $0.id == score.token }.map { $0 + 1 }
            add(score.token, score.logProbabilities?[before.exitLoop - 1], rank: rank)
            for (index, other) in before.alternatives.enumerated() {
                add(other.id, other.logProbability, rank: index + 1)
            }
            entries.append(.members(members))
        }
        return .array(entries)
    }
}
