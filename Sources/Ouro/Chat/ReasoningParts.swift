/// Separates the reasoning of a model from its answer. Reasoning is the text between the tokens `<think>` and
/// `</think>`.
package struct ReasoningParts: Sendable {
    private let opening: Int
    private let closing: Int
    private var isOpen: Bool

    /// Makes a value for one answer. Nil if the tokenizer lacks one of the two tokens.
    ///
    /// - Parameters:
    ///   - tokenizer: the tokenizer of the model.
    ///   - prompt: the tokens of the prompt. The reasoning may begin in it, because a template may add `<think>`.
    package init?(tokenizer: Tokenizer?, prompt: [Int]) {
        guard let opening = tokenizer?.id(of: "<think>"), let closing = tokenizer?.id(of: "</think>") else {
            return nil
        }
        (self.opening, self.closing) = (opening, closing)
        isOpen = prompt.last { $0 == opening || $0 == closing } == opening
    }

    /// Whether the text that arrives with the next token is reasoning.
    ///
    /// Both markers count as reasoning. The text that arrives with the closing marker may complete a character of the
    /// tokens before it.
    package mutating func isThought(_ token: Int) -> Bool {
        let wasOpen = isOpen
        if token == opening || token == closing { isOpen = token == opening }
        return wasOpen || isOpen
    }
}
