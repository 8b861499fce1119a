import Foundation
import Ouro

/// `POST /v1/responses`, without state: every request brings the whole conversation.
struct Responses: Endpoint {
    let service: GenerationService

    func add(to router: inout Routes) {
        router.post("/v1/responses") { request, context in
            let connection = context.connection
            return try await handle(service.body(of: request, from: connection), for: connection)
        }
    }

    func handle(_ fields: RequestFields, for connection: Connection) async throws -> Response {
        try RefusedFields.check(fields, .responses, count: 1)
        let conversation = try Conversation(responses: fields, service: service)
        let run = try ChatRun(conversation, service: service)
        let call = ResponseCall(service: service, conversation: conversation, run: run, fields: fields)
        return try await service.run(
            for: connection, call: conversation.sampling, prompts: [run.prompt.tokens], choices: run.choices,
            output: call)
    }
}

extension Conversation {
    /// Reads a request for a response in OpenAI's form.
    init(responses fields: RequestFields, service: GenerationService) throws {
        var sampling = try SamplingFields(fields, engine: service.engine)
        if let format = try fields.object("text")?.object("format") {
            sampling.responseFormat = try ResponseFormat(text: format, of: fields)
            sampling.formatPlace = ("text.format", "text.format.schema")
        }
        if let verbosity = try fields.object("text")?.string("verbosity"), verbosity != "medium" {
            throw fields.failure("text.verbosity", "is not supported; say in a message how long the answer should be")
        }
        for name in try fields.strings("include", limit: 32) ?? [] where name == "message.output_text.logprobs" {
            throw fields.failure("include", "'\(name)' is not supported; use /v1/chat/completions")
        }
        self.init(messages: try ResponseInput.messages(of: fields), sampling: sampling)
        arguments = try fields.values("chat_template_kwargs") ?? [:]
        tools = try ToolSet(responses: fields)
        thinking = try Thinking(fields, engine: service.engine)
        if let reasoning = try fields.object("reasoning") {
            try thinking.set(effort: reasoning.string("effort"), service.engine) { reasoning.failure("effort", $0) }
        }
        maxTokens = try fields.integer(.maxOutputTokens)
    }
}

extension ResponseFormat {
    /// Reads `text.format` of a response: the members of a JSON schema's format are not nested.
    init(text format: RequestFields, of request: RequestFields) throws {
        switch try format.string("type") {
        case "text": self = .text
        case "json_object": self = .json(.anyObject)
        case "json_schema":
            guard format.has("schema") else { throw format.failure("schema", "the field is missing") }
            self = .json(try Self.schema(format, "schema", of: request))
        default: throw format.failure("type", "expected text, json_object or json_schema")
        }
    }
}

/// Reads `input` and `instructions` of a response.
enum ResponseInput {
    static func messages(of fields: RequestFields) throws -> [ChatMessage] {
        var messages: [ChatMessage] = []
        if let instructions = try fields.string("instructions") {
            messages.append(ChatMessage(role: "system", content: instructions))
        }
        switch fields["input"] {
        case .string(let text)?: messages.append(ChatMessage(role: "user", content: text))
        case .array?:
            for item in try fields.objects("input", limit: RequestLimits.Request.messages) ?? [] {
                try add(item, to: &messages)
            }
        case nil: throw fields.failure("input", "the field is missing")
        case let other?: throw fields.failure("input", "expected a text or a list of items, found \(other.typeName)")
        }
        guard messages.contains(where: { $0.role != "system" }) else {
            throw fields.failure("input", "expected at least one item")
        }
        return messages
    }

    private static let textTypes: Set<ExactString> = ["input_text", "output_text", "text", "refusal"]

    /// Adds an item. The thoughts, the text and the calls of one answer become one message.
    private static func add(_ item: RequestFields, to messages: inout [ChatMessage]) throws {
        func answer() -> Int {
            if messages.last?.role != "assistant" { messages.append(ChatMessage(role: "assistant", content: "")) }
            return messages.count - 1
        }
        switch try item.string("type") ?? "message" {
        case "message":
            guard let role = try item.string("role"), ["user", "system", "developer", "assistant"].contains(role) else {
                throw item.failure("role", "expected user, system, developer or assistant")
            }
            let text = try item.text("content", types: textTypes) ?? ""
            if role == "assistant", messages.last?.role == "assistant", messages.last?.content.isEmpty == true {
                messages[messages.count - 1].content = text
            } else if role == "system" || role == "developer", messages.count == 1, messages[0].role == "system" {
                messages[0].content += "\n\n" + text
            } else {
                messages.append(ChatMessage(role: role, content: text))
            }
        case "reasoning":
            let parts = try item.objects("content", limit: 1024) ?? item.objects("summary", limit: 1024) ?? []
            let text = try parts.map { try $0.string("text") ?? "" }.joined()
            if !text.isEmpty {
                messages.append(ChatMessage(role: "assistant", content: ""))
                messages[messages.count - 1].reasoning = text
            }
        case "function_call":
            guard let name = try item.string("name") else { throw item.failure("name", "the field is missing") }
            let index = answer()
            let call = ChatToolCall(
                id: try item.string("call_id") ?? "", name: name, arguments: try item.string("arguments") ?? "{}")
            messages[index].toolCalls = (messages[index].toolCalls ?? []) + [call]
        case "function_call_output":
            guard item.has("output") else { throw item.failure("output", "the field is missing") }
            var message = ChatMessage(role: "tool", content: try item.text("output", types: textTypes) ?? "")
            message.toolCallID = try item.string("call_id")
            messages.append(message)
        case let type:
            throw item.failure(
                "type",
                "expected message, reasoning, function_call or function_call_output, found '\(type.prefix(40))'")
        }
    }
}
