import Foundation
import Hummingbird
import Ouro
import Synchronization

/// `POST /v1/chat/completions`.
struct ChatCompletions: Endpoint {
    let service: GenerationService

    func add(to router: Router<ConnectionContext>) {
        router.post("/v1/chat/completions") { request, context in
            let connection = try await context.connection()
            return try await handle(service.body(of: request, from: connection), for: connection)
        }
    }

    func handle(_ fields: RequestFields, for connection: Connection) async throws -> Response {
        let engine = service.engine
        let common = try SamplingFields(fields, engine: engine)
        let arguments = try fields.values("chat_template_kwargs") ?? [:]
        let prompt = common.shortened(try service.tokens(of: .chat(messages(fields), arguments: arguments)))
        let room = max(1, engine.configuration.contextLength - prompt.count)
        let maxTokens =
            try fields.integer("max_completion_tokens", 1...RequestLimits.Request.tokens)
            ?? fields.integer("max_tokens", 1...RequestLimits.Request.tokens)
            ?? min(room, service.options.defaultChatTokens)
        let logprobs = try fields.flag("logprobs") ?? false
        let top = try fields.integer("top_logprobs", RequestLimits.OpenAI.alternatives)
        guard logprobs || top == nil else { throw fields.failure("top_logprobs", "needs logprobs: true") }
        let call = ChatCall(
            service: service, id: "chatcmpl-" + UUID().uuidString.lowercased(), common: common,
            top: logprobs ? top ?? 0 : nil,
            // With special tokens in the text, the client separates the thoughts from the answer itself.
            reasoning: common.showsSpecialTokens ? nil : ReasoningParts(tokenizer: engine.tokenizer, prompt: prompt))
        let choices = try (0..<common.count).map { sample in
            Choice(
                index: sample,
                request: try service.engine.prepare(
                    common.request(
                        prompt, sample: sample, maxTokens: maxTokens, alternatives: top ?? 0,
                        constraint: try service.constraint(common.responseFormat))))
        }
        return try await service.run(for: connection, call: common, prompts: [prompt], choices: choices, output: call)
    }

    /// Reads `messages`. The content of a message is a text, or a list of parts of type text.
    private func messages(_ fields: RequestFields) throws -> [ChatMessage] {
        guard let messages = try fields.objects("messages", count: 1...RequestLimits.Request.messages) else {
            throw fields.failure("messages", "expected at least one message")
        }
        return try messages.map { message in
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
    /// The number of alternatives per token. Nil sends no log-probabilities.
    let top: Int?
    /// The state at the beginning of an answer. Nil for models that do not think.
    let reasoning: ReasoningParts?
    private let states = ReasoningStates()
    let created = Int(Date().timeIntervalSince1970)

    init(service: GenerationService, id: String, common: SamplingFields, top: Int?, reasoning: ReasoningParts?) {
        (self.service, self.id, self.common, self.top, self.reasoning) = (service, id, common, top, reasoning)
    }

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
                    ("message", message(result)),
                    ("logprobs", logprobs(result.tokens)),
                    ("finish_reason", .string(result.finishReason ?? "length")),
                ]
                if common.loopDetails { members.append(("loops", .array(result.tokens.map(\.depth)))) }
                return .members(members)
            }, usage: usage)
    }

    private func message(_ result: ChoiceResult) -> JSONOutput {
        var (thoughts, answer) = ("", "")
        var reasoning = reasoning
        for token in result.tokens {
            if reasoning?.isThought(token.id) == true { thoughts += token.text } else { answer += token.text }
        }
        var members: [(String, JSONOutput)] = [("role", .string("assistant"))]
        if !thoughts.isEmpty { members.append(("reasoning_content", .string(thoughts))) }
        return .members(members + [("content", .string(answer))])
    }

    func chunk(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> JSONOutput? {
        var delta: [(String, JSONOutput)] = isFirst ? [("role", .string("assistant"))] : []
        let isThought = states.isThought(token.id, choice: index, beginning: reasoning)
        delta.append((isThought ? "reasoning_content" : "content", .string(token.text)))
        var members: [(String, JSONOutput)] = [
            ("index", .int(index)), ("delta", .members(delta)), ("logprobs", logprobs([token])),
            ("finish_reason", token.finishReason.map { .string($0.rawValue) } ?? .null),
        ]
        if common.loopDetails { members.append(("loops", .array([token.depth]))) }
        return envelope("chat.completion.chunk", [.members(members)], usage: nil)
    }

    func usageChunk(_ usage: Usage) -> JSONOutput { envelope("chat.completion.chunk", [], usage: usage) }
}

/// Tells for every choice of a stream whether it is thinking or answering.
private final class ReasoningStates: Sendable {
    private let states = Mutex<[Int: ReasoningParts]>([:])

    func isThought(_ token: Int, choice: Int, beginning: ReasoningParts?) -> Bool {
        guard let beginning else { return false }
        return states.withLock { $0[choice, default: beginning].isThought(token) }
    }
}
