import Foundation
import Hummingbird
import Ouro

/// `POST /v1/chat/completions`.
struct ChatCompletions: Sendable {
    let service: GenerationService

    private static let messageLimit = 4096

    func handle(_ fields: RequestFields, for client: Client) async throws -> Response {
        let engine = service.engine
        let common = try SamplingFields(fields, engine: engine)
        let prompt = try service.tokens(of: .chat(messages(fields)))
        let room = max(1, engine.configuration.contextLength - prompt.count)
        let maxTokens =
            try fields.integer("max_completion_tokens", 1...1 << 24) ?? fields.integer("max_tokens", 1...1 << 24)
            ?? min(room, service.options.defaultChatTokens)
        let logprobs = try fields.flag("logprobs") ?? false
        let top = try fields.integer("top_logprobs", 0...20)
        guard logprobs || top == nil else { throw fields.failure("top_logprobs", "needs logprobs: true") }
        let call = ChatCall(
            service: service, id: "chatcmpl-" + UUID().uuidString.lowercased(), common: common,
            top: logprobs ? top ?? 0 : nil)
        let choices = try (0..<common.count).map { sample in
            Choice(
                index: sample,
                request: common.request(
                    prompt, sample: sample, maxTokens: maxTokens, alternatives: top ?? 0,
                    constraint: try service.constraint(common.responseFormat)))
        }
        return try await service.run(for: client, call: common, prompts: [prompt], choices: choices, output: call)
    }

    /// `messages`: roles with texts, or with parts of which all are texts.
    private func messages(_ fields: RequestFields) throws -> [ChatMessage] {
        guard let values = try fields.array("messages", limit: Self.messageLimit), !values.isEmpty else {
            throw fields.failure("messages", "expected at least one message")
        }
        return try values.enumerated().map { index, value in
            guard case .object(let members) = value else {
                throw fields.failure("messages", "expected objects with role and content, found \(value.typeName)")
            }
            let message = RequestFields(members, path: "messages[\(index)].")
            guard let role = try message.string("role"), !role.isEmpty, role.utf8.count <= 64 else {
                throw message.failure("role", "expected system, user or assistant")
            }
            try message.refuse("tool_calls", unless: { $0 == .array([]) }, "tools are not supported")
            guard case .array(let parts)? = message["content"] else {
                return ChatMessage(role: role, content: try message.string("content") ?? "")
            }
            let texts = try parts.map { part in
                guard part["type"] == .string("text"), case .string(let text)? = part["text"] else {
                    throw message.failure("content", "expected parts of type text")
                }
                return text
            }
            return ChatMessage(role: role, content: texts.joined())
        }
    }
}

private struct ChatCall: ResponseFormatter {
    let service: GenerationService
    let id: String
    let common: SamplingFields
    /// Alternatives of every token; nil for no log-probabilities.
    let top: Int?
    let created = Int(Date().timeIntervalSince1970)

    private func envelope(_ object: String, _ choices: [JSONOutput], usage: Usage?) -> JSONOutput {
        var members: [(String, JSONOutput)] = [
            ("id", .string(id)), ("object", .string(object)), ("created", .int(created)),
            ("model", .string(service.modelName)), ("choices", .array(choices)),
        ]
        if let usage { members.append(("usage", usage.json)) }
        return .members(members)
    }

    private func logprobs(_ tokens: [GeneratedToken]) -> JSONOutput {
        guard let top else { return .null }
        let texts = TokenText(tokenizer: service.engine.tokenizer)
        return .object([
            "content": .array(
                tokens.map { texts.content($0.id, $0.logProbability, alternatives: $0.alternatives.prefix(top)) })
        ])
    }

    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput {
        envelope(
            "chat.completion",
            results.enumerated().map { index, result in
                var members: [(String, JSONOutput)] = [
                    ("index", .int(index)),
                    ("message", .object(["role": .string("assistant"), "content": .string(result.text)])),
                    ("logprobs", logprobs(result.tokens)),
                    ("finish_reason", .string(result.finishReason ?? "length")),
                ]
                if common.loopDetails { members.append(("loops", .array(result.tokens.map(\.depth)))) }
                return .members(members)
            }, usage: usage)
    }

    func chunk(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> JSONOutput? {
        let delta: JSONOutput =
            isFirst
            ? .object(["role": .string("assistant"), "content": .string(token.text)])
            : .object(["content": .string(token.text)])
        var members: [(String, JSONOutput)] = [
            ("index", .int(index)), ("delta", delta), ("logprobs", logprobs([token])),
            ("finish_reason", token.finishReason.map { .string($0.rawValue) } ?? .null),
        ]
        if common.loopDetails { members.append(("loops", .array([token.depth]))) }
        return envelope("chat.completion.chunk", [.members(members)], usage: nil)
    }

    func usageChunk(_ usage: Usage) -> JSONOutput { envelope("chat.completion.chunk", [], usage: usage) }
}
