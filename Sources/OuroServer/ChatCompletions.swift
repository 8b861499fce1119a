import Foundation
import Ouro
import Synchronization

/// `POST /v1/chat/completions`.
struct ChatCompletions: Endpoint {
    let service: GenerationService

    func add(to router: inout Routes) {
        router.post("/v1/chat/completions") { request, context in
            let connection = context.connection
            return try await handle(service.body(of: request, from: connection), for: connection)
        }
    }

    func handle(_ fields: RequestFields, for connection: Connection) async throws -> Response {
        let conversation = try Conversation(chat: fields, service: service)
        try RefusedFields.check(fields, .chat, count: conversation.sampling.count)
        let logprobs = try fields.flag(.logprobsFlag) ?? false
        let top = try fields.integer(.topLogprobs) ?? 0
        guard logprobs || top == 0 else { throw fields.failure("top_logprobs", "needs logprobs: true") }
        let run = try ChatRun(conversation, service: service, alternatives: top)
        let call = ChatCall(
            service: service, id: "chatcmpl-" + UUID().uuidString.lowercased(), common: conversation.sampling,
            top: logprobs ? top : nil, run: run)
        return try await service.run(
            for: connection, call: conversation.sampling, prompts: [run.prompt.tokens], choices: run.choices,
            output: call)
    }
}

extension Conversation {
    /// Reads a chat in OpenAI's form.
    init(chat fields: RequestFields, service: GenerationService) throws {
        let sampling = try SamplingFields(fields, engine: service.engine)
        self.init(messages: try ChatMessage.all(of: fields), sampling: sampling)
        arguments = try fields.values("chat_template_kwargs") ?? [:]
        tools = try ToolSet(chat: fields)
        thinking = try Thinking(fields, engine: service.engine)
        maxTokens =
            try fields.integer(.maxCompletionTokens)
            ?? fields.integer(.maxTokens)
        if tools.isActive, sampling.showsSpecialTokens {
            throw fields.failure("skip_special_tokens", "calls of tools need true, the default")
        }
    }
}

private final class ChatCall: ResponseFormatter {
    private let service: GenerationService
    private let id: String
    private let common: SamplingFields
    /// The number of alternatives per token. Nil sends no log-probabilities.
    private let top: Int?
    private let run: ChatRun
    private let created = Int(Date().timeIntervalSince1970)
    /// The parsers of a stream's choices.
    private let parsers: Mutex<[AnswerParser]>

    init(service: GenerationService, id: String, common: SamplingFields, top: Int?, run: ChatRun) {
        (self.service, self.id, self.common, self.top, self.run) = (service, id, common, top, run)
        parsers = Mutex(Array(repeating: run.parser, count: run.choices.count))
    }

    private func envelope(
        _ object: String, _ choices: [JSONOutput], usage: Usage?, more: [(String, JSONOutput)] = []
    ) -> JSONOutput {
        var members: [(String, JSONOutput)] = [
            ("id", .string(id)), ("object", .string(object)), ("created", .int(created)),
            ("model", .string(service.modelName)), ("choices", .array(choices)),
        ]
        if let usage { members.append(("usage", usage.json)) }
        return .members(members + more)
    }

    private func logprobs(_ tokens: [GeneratedToken]) -> JSONOutput {
        guard let top else { return .null }
        let texts = TokenText(tokenizer: service.engine.tokenizer)
        return .object([
            "content": .array(
                tokens.map { texts.content($0.id, $0.logProbability, alternatives: $0.alternatives.prefix(top)) })
        ])
    }

    private var promptIDs: [(String, JSONOutput)] {
        common.returnsTokenIDs ? [("prompt_token_ids", .ints(run.prompt.tokens))] : []
    }

    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput {
        var usage = usage
        let choices = results.enumerated().map { index, result in
            let answer = WholeAnswer(result.tokens, parser: run.parser)
            usage.reasoningTokens += answer.reasoningTokens
            var members: [(String, JSONOutput)] = [
                ("index", .int(index)), ("message", message(answer)), ("logprobs", logprobs(result.tokens)),
                ("finish_reason", .string(answer.finishReason)),
            ]
            if common.includesStop || answer.matchedStop != nil {
                members.append(("stop_reason", answer.matchedStop.map { .string($0) } ?? .null))
            }
            members += common.details(of: result.tokens)
            if common.returnsTokenIDs { members.append(("token_ids", .ints(result.tokens.map(\.id)))) }
            return JSONOutput.members(members)
        }
        var more = promptIDs
        if let scores = try await service.promptLogprobs(run.prompt.tokens, common) {
            more.append(("prompt_logprobs", scores))
        }
        return envelope("chat.completion", choices, usage: usage, more: more)
    }

    private func message(_ answer: WholeAnswer) -> JSONOutput {
        var members: [(String, JSONOutput)] = [("role", .string("assistant"))]
        if !answer.reasoning.isEmpty { members.append(("reasoning_content", .string(answer.reasoning))) }
        members.append(("content", answer.text.isEmpty && !answer.calls.isEmpty ? .null : .string(answer.text)))
        if !answer.calls.isEmpty {
            members.append(
                (
                    "tool_calls",
                    .array(
                        answer.calls.map { call in
                            .object([
                                "id": .string(call.id), "type": .string("function"),
                                "function": .object([
                                    "name": .string(call.name), "arguments": .string(call.arguments),
                                ]),
                            ])
                        })
                ))
        }
        return .members(members)
    }

    func chunks(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> [JSONOutput] {
        let (events, finishReason, isThinking) = parsers.withLock { parsers in
            let events = parsers[index].take(token)
            return (
                events, token.finishReason == nil ? nil : parsers[index].finishReason(token), parsers[index].isThinking
            )
        }
        var delta = Self.delta(events)
        if isFirst {
            delta.insert(("role", .string("assistant")), at: 0)
            if delta.count == 1, !isThinking { delta.append(("content", .string(""))) }
        }
        let isNeeded = isFirst || finishReason != nil || top != nil || common.loopDetails || common.returnsTokenIDs
        guard !delta.isEmpty || isNeeded else { return [] }
        var members: [(String, JSONOutput)] = [
            ("index", .int(index)), ("delta", .members(delta)), ("logprobs", logprobs([token])),
            ("finish_reason", finishReason.map { .string($0) } ?? .null),
        ]
        members += common.details(of: [token])
        if common.returnsTokenIDs { members.append(("token_ids", .ints([token.id]))) }
        return [envelope("chat.completion.chunk", [.members(members)], usage: nil, more: isFirst ? promptIDs : [])]
    }

    /// The events of one token as one delta.
    private static func delta(_ events: [AnswerEvent]) -> [(String, JSONOutput)] {
        var (reasoning, text) = ("", "")
        var calls: [JSONOutput] = []
        for event in events {
            switch event {
            case .reasoning(let more): reasoning += more
            case .text(let more): text += more
            case .callStart(let index, let id, let name):
                calls.append(
                    .object([
                        "index": .int(index), "id": .string(id), "type": .string("function"),
                        "function": .object(["name": .string(name), "arguments": .string("")]),
                    ]))
            case .arguments(let index, let more):
                calls.append(
                    .object(["index": .int(index), "function": .object(["arguments": .string(more)])]))
            }
        }
        var delta: [(String, JSONOutput)] = []
        if !reasoning.isEmpty { delta.append(("reasoning_content", .string(reasoning))) }
        if !text.isEmpty { delta.append(("content", .string(text))) }
        if !calls.isEmpty { delta.append(("tool_calls", .array(calls))) }
        return delta
    }

    func closing(_ usage: Usage) -> [JSONOutput] {
        guard common.includesUsage else { return [] }
        var usage = usage
        usage.reasoningTokens = parsers.withLock { $0.reduce(0) { $0 + $1.reasoningTokens } }
        return [envelope("chat.completion.chunk", [], usage: usage)]
    }
}
