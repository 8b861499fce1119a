import Foundation
import Ouro

/// `POST /v1/completions`.
struct Completions: Endpoint {
    let service: GenerationService

    func add(to router: inout Routes) {
        router.post("/v1/completions") { request, context in
            let connection = context.connection
            return try await handle(service.body(of: request, from: connection), for: connection)
        }
    }

    func handle(_ fields: RequestFields, for connection: Connection) async throws -> Response {
        let engine = service.engine
        let common = try SamplingFields(fields, engine: engine)
        try RefusedFields.check(fields, .completions, count: common.count)
        let prompts = try prompts(fields).map(common.shortened)
        let maxTokens =
            try fields.integer(.completionTokens)
            ?? fields.integer("max_completion_tokens", 0...RequestLimits.Request.tokens) ?? 16
        let echo = try fields.flag(.echo) ?? false
        let logprobs = try fields.integer(.logprobsCount)
        guard maxTokens > 0 || echo else {
            throw fields.failure("max_tokens", "expected at least 1, or echo: true")
        }
        guard prompts.count * common.count <= RequestLimits.OpenAI.samples.upperBound || common.count == 1 else {
            throw fields.failure("n", "expected at most \(RequestLimits.OpenAI.samples.upperBound) answers in all")
        }
        if common.streams, echo, logprobs != nil {
            throw fields.failure("stream", "echo with logprobs cannot be streamed")
        }
        if common.streams, maxTokens == 0 { throw fields.failure("stream", "there is nothing to stream") }
        let call = CompletionCall(
            service: service, id: "cmpl-" + UUID().uuidString.lowercased(), common: common, prompts: prompts,
            maxTokens: maxTokens, echo: echo, logprobs: logprobs)
        let choices = try call.choices()
        return try await service.run(for: connection, call: common, prompts: prompts, choices: choices, output: call)
    }

    /// Reads `prompt`: a text, a list of texts, a list of token ids, or a list of such lists.
    private func prompts(_ fields: RequestFields) throws -> [[Int]] {
        func tokens(_ value: JSONValue) throws -> [Int] {
            switch value {
            case .string(let text): return try service.tokens(of: .text(text))
            case .array(let ids):
                return try service.tokens(
                    of: .tokens(
                        ids.map { id in
                            guard let id = id.exactInteger else {
                                throw fields.failure("prompt", "expected a text or token ids")
                            }
                            return id
                        }))
            default: throw fields.failure("prompt", "expected a text or token ids, found \(value.typeName)")
            }
        }
        guard let prompt = fields["prompt"] else { throw fields.failure("prompt", "the field is missing") }
        guard case .array(let elements) = prompt else { return [try tokens(prompt)] }
        if elements.first?.number != nil { return [try tokens(prompt)] }
        guard !elements.isEmpty, elements.count <= RequestLimits.Request.prompts else {
            throw fields.failure(
                "prompt", "expected 1 to \(RequestLimits.Request.prompts) prompts, found \(elements.count)")
        }
        return try elements.map(tokens)
    }
}

/// Formats the responses to one request for completions.
private struct CompletionCall: ResponseFormatter {
    let service: GenerationService
    let id: String
    let common: SamplingFields
    let prompts: [[Int]]
    let maxTokens: Int
    let echo: Bool
    let logprobs: Int?
    let created = Int(Date().timeIntervalSince1970)

    private var texts: TokenText { TokenText(tokenizer: service.engine.tokenizer) }

    func choices() throws -> [Choice] {
        guard maxTokens > 0 else { return [] }
        let grammar = try service.compiled(common.responseFormat, at: common.formatPlace)
        return try prompts.enumerated().flatMap { index, prompt in
            try (0..<common.count).map { sample in
                Choice(
                    index: index * common.count + sample,
                    request: try service.engine.prepare(
                        common.request(
                            prompt, sample: sample, maxTokens: maxTokens, alternatives: logprobs ?? 0,
                            constraint: grammar?.makeConstraint())))
            }
        }
    }

    private func envelope(_ choices: [JSONOutput], usage: Usage?) -> JSONOutput {
        var members: [(String, JSONOutput)] = [
            ("id", .string(id)), ("object", .string("text_completion")), ("created", .int(created)),
            ("model", .string(service.modelName)), ("choices", .array(choices)),
        ]
        if let usage { members.append(("usage", usage.json)) }
        return .members(members)
    }

    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput {
        var answers: [JSONOutput] = []
        for (index, prompt) in prompts.enumerated() {
            let scores =
                echo && logprobs != nil
                ? try await service.engine.score(
                    ScoringRequest(
                        .tokens(prompt), loops: common.loops, exit: common.exit, alternatives: logprobs ?? 0,
                        cacheSalt: common.cacheSalt)) : []
            let promptScores = try await service.promptLogprobs(prompt, common)
            let before = echo ? service.engine.tokenizer?.decode(prompt) ?? "" : ""
            for sample in 0..<common.count {
                let place = index * common.count + sample
                let result = results.indices.contains(place) ? results[place] : ChoiceResult()
                var members: [(String, JSONOutput)] = [
                    ("index", .int(place)), ("text", .string(before + result.text)),
                    ("logprobs", logprobs == nil ? .null : logprobsJSON(scores, result.tokens)),
                    ("finish_reason", .string(result.finishReason ?? "length")),
                ]
                if let stop = result.last?.matchedStop { members.append(("stop_reason", .string(stop))) }
                members += common.details(of: result.tokens)
                if common.returnsTokenIDs {
                    members.append(("prompt_token_ids", .ints(prompt)))
                    members.append(("token_ids", .ints(result.tokens.map(\.id))))
                }
                if let promptScores { members.append(("prompt_logprobs", promptScores)) }
                answers.append(.members(members))
            }
        }
        return envelope(answers, usage: usage)
    }

    func chunks(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> [JSONOutput] {
        let before = isFirst && echo ? service.engine.tokenizer?.decode(prompts[index / common.count]) ?? "" : ""
        var members: [(String, JSONOutput)] = [
            ("index", .int(index)), ("text", .string(before + token.text)),
            ("logprobs", logprobs == nil ? .null : logprobsJSON([], [token])),
            ("finish_reason", token.finishReason.map { .string($0.rawValue) } ?? .null),
        ]
        members += common.details(of: [token])
        if common.returnsTokenIDs {
            if isFirst { members.append(("prompt_token_ids", .ints(prompts[index / common.count]))) }
            members.append(("token_ids", .ints([token.id])))
        }
        return [envelope([.members(members)], usage: nil)]
    }

    func closing(_ usage: Usage) -> [JSONOutput] { common.includesUsage ? [envelope([], usage: usage)] : [] }

    /// The log-probabilities of the prompt's tokens, if they were scored, and of the generated tokens. The first token of a
    /// text has none.
    private func logprobsJSON(_ scores: [ScoredPosition], _ tokens: [GeneratedToken]) -> JSONOutput {
        let count = logprobs ?? 0
        var (names, values, maps, offsets): ([JSONOutput], [JSONOutput], [JSONOutput], [JSONOutput]) = ([], [], [], [])
        var offset = 0
        func add(_ token: Int, _ logProbability: Float?, _ alternatives: [TokenAlternative]) {
            let text = texts.text(token)
            names.append(.string(text))
            values.append(logProbability.map { .float($0) } ?? .null)
            maps.append(
                logProbability.map { texts.map(alternatives, count: count, token: token, $0) } ?? .null)
            offsets.append(.int(offset))
            offset += text.unicodeScalars.count
        }
        for (index, score) in scores.enumerated() {
            let before = index > 0 ? scores[index - 1] : nil
            add(
                score.token, before.flatMap { score.logProbabilities?[$0.exitLoop - 1] }, before?.alternatives ?? [])
        }
        for token in tokens { add(token.id, token.logProbability, token.alternatives) }
        return .object([
            "tokens": .array(names), "token_logprobs": .array(values), "top_logprobs": .array(maps),
            "text_offset": .array(offsets),
        ])
    }
}
