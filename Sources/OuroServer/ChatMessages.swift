import Ouro

extension ChatMessage {
    /// Reads `messages` of a chat. The content of a message is a text, or a list of parts of type text.
    static func all(of fields: RequestFields) throws -> [ChatMessage] {
        guard let messages = try fields.objects("messages", limit: RequestLimits.Request.messages), !messages.isEmpty
        else { throw fields.failure("messages", "expected at least one message") }
        return try messages.map { try ChatMessage($0) }
    }

    /// Reads one message.
    private init(_ fields: RequestFields) throws {
        guard let role = try fields.string("role"), !role.isEmpty, role.utf8.count <= 64 else {
            throw fields.failure("role", "expected system, user, assistant or tool")
        }
        self.init(role: role, content: try fields.text("content", types: ["text", "refusal"]) ?? "")
        name = try fields.string("name")
        try fields.refuse("function_call", unless: { _ in false }, "use tool_calls")
        if let calls = try fields.objects("tool_calls", limit: ToolSet.limit), !calls.isEmpty {
            guard role == "assistant" else {
                throw fields.failure("tool_calls", "only messages of the assistant have calls")
            }
            toolCalls = try calls.enumerated().map { index, call in
                guard let function = try call.object("function"), let name = try function.string("name") else {
                    throw call.failure("function.name", "the field is missing")
                }
                return ChatToolCall(
                    id: try call.string("id") ?? "call_\(index)", name: name,
                    arguments: try function.string("arguments") ?? "{}")
            }
        }
        if role == "assistant" {
            reasoning = try fields.string("reasoning_content") ?? fields.string("reasoning")
        }
        toolCallID = try fields.string("tool_call_id")
    }
}

extension RequestFields {
    /// A text, or the joined texts of a list of parts.
    ///
    /// - Parameters:
    ///   - types: the types of parts that have text. A part of the type `refusal` has it in the member `refusal`.
    func text(_ name: String, types: Set<ExactString>) throws -> String? {
        guard case .array? = self[name] else { return try string(name) }
        let parts = try objects(name, limit: 1 << 18) ?? []
        return try parts.map { part in
            let type = try part.string("type") ?? ""
            guard types.contains(ExactString(type)), let text = try part.string(type == "refusal" ? type : "text")
            else {
                throw failure(name, "expected parts of type text, found '\(type.prefix(40))'")
            }
            return text
        }.joined()
    }
}
