/// A conversation as the prompt of a model.
package struct ChatPrompt: Sendable {
    /// The tokens of the prompt.
    package var tokens: [Int]
    /// The text of the prompt, with special tokens in their spelling.
    package let text: String
    /// Whether the prompt ends inside `<think>`, so that the answer begins with reasoning. Only the part that the
    /// template adds after the last message counts.
    package let opensThought: Bool
}

extension Engine {
    /// Renders a conversation with the chat template, and encodes it.
    ///
    /// Special tokens in what others wrote stay plain text. In an assistant's message the marks that a model writes
    /// itself (``ChatShield/ownMarks``) become control tokens, and no others.
    ///
    /// - Parameters:
    ///   - messages: the conversation, at least one message.
    ///   - arguments: further variables of the template.
    ///   - addGenerationPrompt: whether the prompt ends with the beginning of the assistant's answer.
    /// - Throws: ``OuroError`` with code `invalidRequest` without messages or without a tokenizer, and
    ///   `invalidTemplate` if the template fails.
    package func chatPrompt(
        _ messages: [ChatMessage], arguments: JSONObject = [:], addGenerationPrompt: Bool = true
    ) throws(OuroError) -> ChatPrompt {
        guard !messages.isEmpty else {
            throw OuroError(.invalidRequest, field: "messages", "a conversation needs at least one message")
        }
        let tokenizer = try needTokenizer()
        let shield = ChatShield(tokenizer, knowsDeveloper: chatTemplate.mentions("developer"))
        let shielded = messages.map(shield.message)
        let values = arguments.mapValues(shield.value)
        let template = chatTemplate
        let text = try template.render(
            messages: shielded, addGenerationPrompt: addGenerationPrompt, arguments: values)
        var opensThought = false
        if addGenerationPrompt, text.contains(ReasoningParts.openingText) {
            opensThought = Self.opensThought(
                text, without: try? template.render(messages: shielded, addGenerationPrompt: false, arguments: values))
        }
        return ChatPrompt(
            tokens: tokenizer.encode(text, removingMarkers: true), text: shield.removingMarkers(from: text),
            opensThought: opensThought)
    }

    /// Whether the part of a prompt that begins the answer ends inside `<think>`.
    ///
    /// - Parameters:
    ///   - prompt: the prompt.
    ///   - messages: the prompt without the part that begins the answer. Nil if the template cannot render it.
    private static func opensThought(_ prompt: String, without messages: String?) -> Bool {
        guard let messages else {
            return prompt.trimmingSuffix(while: \.isWhitespace).hasSuffix(ReasoningParts.openingText)
        }
        let common = zip(prompt.utf8, messages.utf8).prefix { $0 == $1 }.count
        let beginning = String(decoding: prompt.utf8.dropFirst(common), as: UTF8.self)
        guard let opening = beginning.ranges(of: ReasoningParts.openingText).last else { return false }
        return !beginning[opening.upperBound...].contains(ReasoningParts.closingText)
    }
}

extension ChatTemplate {
    /// Whether the text of the template contains a word.
    package func mentions(_ word: String) -> Bool { source.contains(word) }
}

extension StringProtocol {
    /// The text without the characters at its end that fulfil a condition.
    func trimmingSuffix(while isDropped: (Character) -> Bool) -> SubSequence {
        var end = endIndex
        while end > startIndex, isDropped(self[index(before: end)]) { end = index(before: end) }
        return self[..<end]
    }
}

/// Keeps special tokens in the texts of a conversation from becoming control tokens.
package struct ChatShield: Sendable {
    /// The marks that models write into their answers. A template expects them in an assistant's message.
    package static let ownMarks = ["<think>", "</think>", "<tool_call>", "</tool_call>"]

    private let tokenizer: Tokenizer
    private let knowsDeveloper: Bool

    /// - Parameters:
    ///   - tokenizer: the tokenizer of the model.
    ///   - knowsDeveloper: whether the template knows the role `developer`. If not, it becomes `system`.
    package init(_ tokenizer: Tokenizer, knowsDeveloper: Bool) {
        (self.tokenizer, self.knowsDeveloper) = (tokenizer, knowsDeveloper)
    }

    /// Shields the texts of a message.
    package func message(_ message: ChatMessage) -> ChatMessage {
        var result = message
        let role = message.role == "developer" && !knowsDeveloper ? "system" : message.role
        result.role = text(role)
        result.content = message.role == "assistant" ? answer(message.content) : text(message.content)
        result.reasoning = message.reasoning.map(text)
        result.name = message.name.map(text)
        result.toolCallID = message.toolCallID.map(text)
        result.toolCalls = message.toolCalls?.map {
            ChatToolCall(id: text($0.id), name: text($0.name), arguments: text($0.arguments))
        }
        return result
    }

    /// Shields every string of a value, names of members included.
    func value(_ value: JSONValue) -> JSONValue { value.mapStrings(keys: true, text) }

    private func text(_ text: String) -> String { tokenizer.shieldingSpecialTokens(in: text) }

    /// Shields everything but the model's own marks.
    private func answer(_ content: String) -> String {
        var result = ""
        var rest = content[...]
        while true {
            let marks = Self.ownMarks.compactMap { rest.firstRange(of: $0) }
            guard let first = marks.min(by: { $0.lowerBound < $1.lowerBound }) else {
                return result + text(String(rest))
            }
            result += text(String(rest[..<first.lowerBound])) + rest[first]
            rest = rest[first.upperBound...]
        }
    }

    func removingMarkers(from text: String) -> String {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: text.unicodeScalars.lazy.filter { $0 != Tokenizer.literalMarker })
        return String(scalars)
    }
}
