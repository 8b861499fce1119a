/// Tells a thinking model's thoughts from its answer: what stands between the tokens `<think>` and `</think>`.
package struct ReasoningParts: Sendable {
    private let opening: Int
    private let closing: Int
    private var isOpen: Bool

    /// - Parameters:
    ///   - prompt: may end with thoughts that are open, since templates begin them.
    /// - Returns: nil if the tokenizer has no such tokens.
    package init?(tokenizer: Tokenizer?, prompt: [Int]) {
        guard let opening = tokenizer?.id(of: "<think>"), let closing = tokenizer?.id(of: "</think>") else {
            return nil
        }
        (self.opening, self.closing) = (opening, closing)
        isOpen = prompt.last { $0 == opening || $0 == closing } == opening
    }

    /// Whether the text that comes with the next token belongs to the thoughts. That of both marks does: the closing one's may
    /// be what was held back of the tokens before.
    package mutating func isThought(_ token: Int) -> Bool {
        let wasOpen = isOpen
        if token == opening || token == closing { isOpen = token == opening }
        return wasOpen || isOpen
    }
}
