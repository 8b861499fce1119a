/// Tells the reasoning of a model from its answer: what is between the tokens `<think>` and `</think>` is reasoning.
package struct ReasoningParts: Sendable {
    private let opening: Int
    private let closing: Int
    private var isOpen: Bool

    /// - Parameters:
    ///   - tokenizer: The model's tokenizer.
    ///   - prompt: The ids of the prompt. Its reasoning may still be open, because a template may begin it.
    /// - Returns: nil if the tokenizer does not have both tokens.
    package init?(tokenizer: Tokenizer?, prompt: [Int]) {
        guard let opening = tokenizer?.id(of: "<think>"), let closing = tokenizer?.id(of: "</think>") else {
            return nil
        }
        (self.opening, self.closing) = (opening, closing)
        isOpen = prompt.last { $0 == opening || $0 == closing } == opening
    }

    /// Whether the text that arrives with the next token is reasoning.
    ///
    /// Both markers count as reasoning. The text that arrives with the closing one may contain characters that the
    /// tokens before it had left incomplete.
    package mutating func isThought(_ token: Int) -> Bool {
        let wasOpen = isOpen
        if token == opening || token == closing { isOpen = token == opening }
        return wasOpen || isOpen
    }
}
