/// Separates the reasoning of a model from its answer. Reasoning is the text between the tokens `<think>` and
/// `</think>`.
///
/// Only marks in the model's own output count, and the one at the end of a prompt that begins the answer. Marks in
/// earlier messages do not count.
package struct ReasoningParts: Sendable {
    /// The tokens that begin and end reasoning.
    package struct Marks: Sendable, Equatable {
        package var opening: Int
        package var closing: Int

        /// The marks of a tokenizer. Nil if it lacks one of them.
        package init?(_ tokenizer: Tokenizer?) {
            guard let opening = tokenizer?.id(of: openingText), let closing = tokenizer?.id(of: closingText) else {
                return nil
            }
            (self.opening, self.closing) = (opening, closing)
        }
    }

    package static let openingText = "<think>"
    package static let closingText = "</think>"

    private let marks: Marks
    /// Whether the next token is reasoning.
    package private(set) var isOpen: Bool

    /// Makes a value for one answer. Nil if the tokenizer lacks one of the two tokens.
    ///
    /// - Parameters:
    ///   - tokenizer: the tokenizer of the model.
    ///   - beginsOpen: whether the prompt ends with `<think>`, see ``ChatPrompt/opensThought``.
    package init?(tokenizer: Tokenizer?, beginsOpen: Bool) {
        guard let marks = Marks(tokenizer) else { return nil }
        self.marks = marks
        isOpen = beginsOpen
    }

    /// Whether a token is `<think>` or `</think>`.
    package func isMark(_ token: Int) -> Bool { token == marks.opening || token == marks.closing }

    /// Whether the text that arrives with the next token is reasoning.
    ///
    /// Text that arrives with a mark was held back before it, so it belongs to the part before the mark.
    package mutating func isThought(_ token: Int) -> Bool {
        let wasOpen = isOpen
        if isMark(token) { isOpen = token == marks.opening }
        return wasOpen
    }
}
