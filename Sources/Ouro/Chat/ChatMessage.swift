/// One message of a conversation.
public struct ChatMessage: Sendable, Equatable {
    /// The author's role: `system`, `user`, `assistant`, `tool`, or another role that the chat template knows.
    public var role: String
    /// The text of the message.
    public var content: String
    /// The thoughts of an assistant, apart from its answer. Nil if there are none.
    public var reasoning: String?
    /// The functions that an assistant called. Nil if it called none.
    public var toolCalls: [ChatToolCall]?
    /// The id of the call that a message of the role `tool` answers.
    public var toolCallID: String?
    /// The name of the author, or of the function that a message of the role `tool` answers for.
    public var name: String?

    /// Makes a message.
    ///
    /// - Parameters:
    ///   - role: the author's role.
    ///   - content: the text of the message.
    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}

/// One call of a function in a message of an assistant.
public struct ChatToolCall: Sendable, Equatable {
    /// The id by which the answer to the call names it.
    public var id: String
    /// The name of the function.
    public var name: String
    /// The arguments: the text of a JSON object.
    public var arguments: String

    /// Makes a call.
    ///
    /// - Parameters:
    ///   - id: the id by which the answer to the call names it.
    ///   - name: the name of the function.
    ///   - arguments: the text of a JSON object.
    public init(id: String, name: String, arguments: String) {
        (self.id, self.name, self.arguments) = (id, name, arguments)
    }
}
