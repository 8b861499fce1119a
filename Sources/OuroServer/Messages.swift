import Foundation
import Ouro

/// `POST /v1/messages` and `/v1/messages/count_tokens`, in the form of Anthropic's API.
struct Messages: Endpoint {
    let service: GenerationService

    func add(to router: inout Routes) {
        router.post("/v1/messages") { request, context in
            let connection = context.connection
            return try await handle(service.body(of: request, from: connection), for: connection)
        }
        router.post("/v1/messages/count_tokens") { request, context in
            let connection = context.connection
            return try count(try await service.body(of: request, from: connection))
        }
    }

    private func handle(_ fields: RequestFields, for connection: Connection) async throws -> Response {
        try RefusedFields.check(fields, .messages, count: 1)
        let conversation = try Conversation(messages: fields, service: service)
        let run = try ChatRun(conversation, service: service)
        return try await service.run(
            for: connection, call: conversation.sampling, prompts: [run.prompt.tokens], choices: run.choices,
            output: MessageCall(service: service, run: run))
    }

    private func count(_ fields: RequestFields) throws -> Response {
        try RefusedFields.check(fields, .messages, count: 1)
        let prompt = try service.prompt(of: try Conversation(messages: fields, service: service))
        return Response.json(.object(["input_tokens": .int(prompt.tokens.count)]))
    }
}

extension Conversation {
    /// Reads a request in the form of Anthropic's API.
    init(messages fields: RequestFields, service: GenerationService) throws {
        var sampling = try SamplingFields(fields, engine: service.engine)
        if let stops = try fields.strings("stop_sequences", limit: RequestLimits.Request.stopStrings) {
            guard stops.allSatisfy({ RequestLimits.Request.stopStringBytes.contains($0.utf8.count) }) else {
                throw fields.failure(
                    "stop_sequences", "expected texts of 1 to \(RequestLimits.Request.stopStringBytes.upperBound) bytes"
                )
            }
            sampling.stop += stops
        }
        for name in ["output_format", "output_config.format"] {
            let parent = name == "output_format" ? fields : try fields.object("output_config")
            guard let format = try parent?.object(name == "output_format" ? name : "format") else { continue }
            sampling.responseFormat = try ResponseFormat(text: format, of: fields)
            sampling.formatPlace = (name, name + ".schema")
        }
        self.init(messages: try MessageInput.messages(of: fields), sampling: sampling)
        arguments = try fields.values("chat_template_kwargs") ?? [:]
        tools = try ToolSet(messages: fields)
        // As in Anthropic's API, a model thinks only if the request says so.
        thinking.isOn = false
        if let given = try fields.object("thinking") {
            switch try given.string("type") {
            case "enabled", "adaptive":
                guard Thinking.canThink(service.engine) else { throw given.failure("type", Thinking.cannotThink) }
                thinking.isOn = true
                thinking.budget = try given.integer("budget_tokens", 0...RequestLimits.Request.tokens)
            case "disabled": break
            default: throw given.failure("type", "expected enabled, adaptive or disabled")
            }
        }
        if case .bool(let isOn)? = arguments["enable_thinking"] { thinking.isOn = isOn }
        maxTokens = try fields.integer(.maxTokens)
    }
}

/// Reads `system` and `messages` in the form of Anthropic's API.
enum MessageInput {
    static func messages(of fields: RequestFields) throws -> [ChatMessage] {
        var messages: [ChatMessage] = []
        if let system = try fields.text("system", types: ["text"]), !system.isEmpty {
            messages.append(ChatMessage(role: "system", content: system))
        }
        guard let given = try fields.objects("messages", limit: RequestLimits.Request.messages), !given.isEmpty else {
            throw fields.failure("messages", "expected at least one message")
        }
        for message in given {
            switch try message.string("role") {
            case "user": try addUser(message, to: &messages)
            case "assistant": messages.append(try assistant(message))
            default: throw message.failure("role", "expected user or assistant; use system for the system prompt")
            }
        }
        guard messages.last?.role != "assistant" else {
            throw fields.failure(
                "messages", "expected a last message of the user; to continue an answer use /v1/completions")
        }
        return messages
    }

    private static func blocks(_ message: RequestFields) throws -> [RequestFields]? {
        if case .array? = message["content"] { return try message.objects("content", limit: 1 << 18) }
        return nil
    }

    /// A user's message: first the results of tools, then the text.
    private static func addUser(_ fields: RequestFields, to messages: inout [ChatMessage]) throws {
        guard let blocks = try blocks(fields) else {
            guard let text = try fields.string("content") else {
                throw fields.failure("content", "the field is missing")
            }
            return messages.append(ChatMessage(role: "user", content: text))
        }
        var text: [String] = []
        var hasResult = false
        for block in blocks {
            switch try block.string("type") {
            case "text": text.append(try block.string("text") ?? "")
            case "tool_result":
                var result = ChatMessage(role: "tool", content: try block.text("content", types: ["text"]) ?? "")
                result.toolCallID = try block.string("tool_use_id")
                messages.append(result)
                hasResult = true
            case let type:
                throw block.failure("type", "expected text or tool_result, found '\((type ?? "nothing").prefix(40))'")
            }
        }
        if !text.isEmpty || !hasResult {
            messages.append(ChatMessage(role: "user", content: text.joined(separator: "\n")))
        }
    }

    private static func assistant(_ fields: RequestFields) throws -> ChatMessage {
        var message = ChatMessage(role: "assistant", content: "")
        guard let blocks = try blocks(fields) else {
            message.content = try fields.string("content") ?? ""
            return message
        }
        for block in blocks {
            switch try block.string("type") {
            case "text": message.content += try block.string("text") ?? ""
            case "thinking": message.reasoning = (message.reasoning ?? "") + (try block.string("thinking") ?? "")
            case "redacted_thinking": break
            case "tool_use":
                guard let name = try block.string("name") else { throw block.failure("name", "the field is missing") }
                let call = ChatToolCall(
                    id: try block.string("id") ?? "", name: name, arguments: block["input"]?.text ?? "{}")
                message.toolCalls = (message.toolCalls ?? []) + [call]
            case let type:
                throw block.failure(
                    "type", "expected text, thinking or tool_use, found '\((type ?? "nothing").prefix(40))'")
            }
        }
        return message
    }
}
