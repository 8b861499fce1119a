/// The text or tokens that a request begins with.
public enum Prompt: Sendable, Equatable {
    /// Text, encoded with the model's tokenizer. Special tokens in it are special.
    case text(String)
    /// Token ids.
    case tokens([Int])
    /// A conversation, rendered with the model's chat template. Special tokens in messages are plain text. `arguments` are
    /// further variables of the template: `enable_thinking` makes thinking models think.
    case chat([ChatMessage], arguments: [String: JSONValue] = [:])
}
