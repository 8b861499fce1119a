import Ouro

/// One answer to one prompt. Its request is already checked, so an error appears before the first byte of the response.
struct Choice: Sendable {
    let index: Int
    let request: PreparedRequest
}

/// The text and the tokens of a choice so far.
struct ChoiceResult: Sendable {
    var text = ""
    var tokens: [GeneratedToken] = []

    var last: GeneratedToken? { tokens.last }
    var finishReason: String? { last?.finishReason?.rawValue }
    var statistics: GenerationStatistics? { last?.statistics }
}

/// The counts at the end of a response.
struct Usage: Sendable {
    var promptTokens = 0
    var cachedTokens = 0
    var completionTokens = 0
    var reasoningTokens = 0
    var exitLoopSum = 0
    var passes = 0
    var loopCounts: [Int] = []

    mutating func add(_ token: GeneratedToken) {
        completionTokens += 1
        exitLoopSum += token.exitLoop
        if loopCounts.count < token.exitLoop {
            loopCounts += Array(repeating: 0, count: token.exitLoop - loopCounts.count)
        }
        loopCounts[token.exitLoop - 1] += 1
        guard let statistics = token.statistics else { return }
        passes += statistics.passes
        cachedTokens += statistics.cachedPromptTokens
    }

    var json: JSONOutput {
        let tokens = Double(max(completionTokens, 1))
        return .object([
            "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completionTokens),
            "total_tokens": .int(promptTokens + completionTokens),
            "prompt_tokens_details": .object(["cached_tokens": .int(cachedTokens)]),
            "completion_tokens_details": .object(["reasoning_tokens": .int(reasoningTokens)]),
            "loops": .object([
                "mean_exit_loop": .double(Double(exitLoopSum) / tokens), "exit_loops": .ints(loopCounts),
                "passes": .int(passes), "passes_per_token": .double(Double(passes) / tokens),
            ]),
        ])
    }
}

extension Engine {
    /// Generates all choices concurrently, and passes every token to `receive` as soon as it is generated.
    func generate(
        _ choices: [Choice], receive: @escaping @Sendable (Int, GeneratedToken) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for choice in choices {
                let stream = generate(choice.request)
                group.addTask {
                    for try await token in stream { try await receive(choice.index, token) }
                }
            }
            try await group.waitForAll()
        }
    }
}

extension SamplingFields {
    /// The members of a choice that `loop_details` adds: the depth of each token and, with the last token, the times.
    func details(of tokens: [GeneratedToken]) -> [(String, JSONOutput)] {
        guard loopDetails else { return [] }
        var members: [(String, JSONOutput)] = [("loops", .array(tokens.map(\.depth)))]
        if let statistics = tokens.last?.statistics { members.append(("timings", statistics.timings)) }
        return members
    }
}

extension GenerationStatistics {
    /// The times of one choice in milliseconds, measured by the engine.
    fileprivate var timings: JSONOutput {
        .members([
            ("prompt_ms", .double(timeToFirstToken / .milliseconds(1))),
            ("predicted_ms", .double(timeAfterFirstToken / .milliseconds(1))), ("passes", .int(passes)),
        ])
    }
}

extension GeneratedToken {
    /// The entry of `loop_details` for this token.
    var depth: JSONOutput {
        .object([
            "token_id": .int(id), "text": .string(text), "exit_loop": .int(exitLoop),
            "exit_distribution": .floats(exitDistribution), "gate": .floats(gate), "passes": .int(passes),
        ])
    }
}
