/// One message of a conversation.
public struct ChatMessage: Sendable, Equatable {
    /// The author's role: `system`, `user`, `assistant`, or another role that the chat template knows.
    public var role: String
    /// The text of the message.
    public var content: String

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
