/// One turn of a conversation.
public struct ChatMessage: Sendable, Equatable, Codable {
    /// Who speaks: `system`, `user`, `assistant`, or another role that the model's template knows.
    public var role: String
    /// What the speaker says.
    public var content: String

    public init(role: String, content: String) {
        self.role = role
        self.content = content
    }
}
