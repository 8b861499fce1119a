/// The parts of an answer. Stop strings apply to its text, not to thoughts and tool calls. No text crosses a border.
package struct AnswerSections: Sendable {
    /// What begins the tool calls of an answer. Everything after it belongs to them.
    package enum CallMark: Sendable, Equatable {
        /// A token.
        case token(Int)
        /// A text, anywhere in the answer.
        case text(String)
        /// A brace as the first character of the answer that is not white space.
        case leadingBrace
    }

    /// The tokens around thoughts. Nil takes thoughts as text.
    package var thoughtMarks: ReasoningParts.Marks?
    /// Whether the answer begins with thoughts.
    package var beginsInThought = false
    /// What begins the tool calls. Nil takes calls as text.
    package var callMark: CallMark?
    /// Whether the answer has no text: what is not a thought belongs to tool calls.
    package var hasOnlyCalls = false

    package init() {}
}

/// Turns tokens into text that may be shown: whole characters, without any part of a stop string.
package struct TextAssembler: Sendable {
    /// What is shown of the token that ends a text.
    package struct Ends: Sendable {
        /// The tokens whose text is part of the text.
        package var shown: Set<Int>
        /// The special tokens that are stop strings.
        package var strings: Set<Int>

        package init(shown: Set<Int> = [], strings: Set<Int> = []) { (self.shown, self.strings) = (shown, strings) }
    }

    private enum Section { case thought, answer, call }

    private let tokenizer: Tokenizer?
    private let sections: AnswerSections
    private let ends: Ends
    private let showsSpecialTokens: Bool
    private var decoder: StreamingDecoder?
    private var matcher: StopMatcher
    private var section: Section
    private var isAtStart = true

    package init(
        tokenizer: Tokenizer?, stop: [String], showsSpecialTokens: Bool, sections: AnswerSections = AnswerSections(),
        ends: Ends = Ends(), includesStop: Bool = false
    ) {
        (self.tokenizer, self.sections, self.ends) = (tokenizer, sections, ends)
        self.showsSpecialTokens = showsSpecialTokens
        decoder = tokenizer.map { StreamingDecoder($0, skippingSpecialTokens: !showsSpecialTokens) }
        var border: String?
        if case .text(let mark)? = sections.callMark { border = mark }
        matcher = StopMatcher(stop, includesStop: includesStop, border: border)
        section = sections.beginsInThought ? .thought : sections.hasOnlyCalls ? .call : .answer
    }

    /// The stop string that ended the text.
    var matchedStop: String? { matcher.matched }

    /// Appends a token. Returns the text that may be shown, and whether a stop string was found.
    mutating func append(_ token: Int) -> (text: String, stopped: Bool) {
        if let marks = sections.thoughtMarks, section != .call, token == marks.opening || token == marks.closing {
            let (text, stopped) = flush()
            if !stopped {
                section = token == marks.opening ? .thought : sections.hasOnlyCalls ? .call : .answer
            }
            return (text, stopped)
        }
        if sections.callMark == .token(token), section == .answer {
            let (text, stopped) = flush()
            if !stopped { section = .call }
            return (text, stopped)
        }
        return match(decoder?.append(token) ?? "")
    }

    private mutating func match(_ text: String) -> (text: String, stopped: Bool) {
        guard section == .answer else { return (text, false) }
        if sections.callMark == .leadingBrace, isAtStart, let first = text.first(where: { !$0.isWhitespace }) {
            isAtStart = false
            if first == "{" {
                section = .call
                return (matcher.finish() + text, false)
            }
        }
        return matcher.append(text)
    }

    /// Ends a section. Returns the text that was held back, and whether it completes a stop string.
    private mutating func flush() -> (text: String, stopped: Bool) {
        let (text, stopped) = match(decoder?.finish() ?? "")
        return (stopped ? text : text + matcher.finish(), stopped)
    }

    /// Ends the text. Returns the text that was held back.
    mutating func finish() -> String { flush().text }

    /// Ends the text with a token. Its own text is left out, unless the request asks for it.
    mutating func finish(endToken: Int) -> String {
        let text = finish()
        if ends.strings.contains(endToken) { matcher.matched = tokenizer?.piece(endToken) }
        guard ends.shown.contains(endToken), let tokenizer else { return text }
        let showsSpecial = showsSpecialTokens || ends.strings.contains(endToken)
        return text + tokenizer.decode([endToken], skippingSpecialTokens: !showsSpecial)
    }
}
