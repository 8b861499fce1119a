/// The text or tokens at the start of a request.
public enum Prompt: Sendable, Equatable {
    /// A text, encoded with the model's tokenizer. Special tokens in it become control tokens.
    case text(String)
    /// Token IDs.
    case tokens([Int])
    /// A conversation, rendered with the model's chat template. Special tokens in the messages stay plain text, except
    /// in those of the assistant. `arguments` are further variables of the template: `enable_thinking` turns reasoning
    /// on.
    case chat([ChatMessage], arguments: JSONObject = [:])
}
