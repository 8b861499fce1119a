import Ouro

extension DocumentEncoder {
    /// Encodes a conversation for training. Only the assistant's turns are learnt, each with the token that ends it.
    ///
    /// The boundaries of a turn are found by rendering the template, not by searching for markers. First the
    /// conversation before the turn is rendered with the generation prompt: that is the model's input. Then the
    /// conversation including the turn is rendered: the text beyond the input is what the model should write. The two
    /// parts are tokenised separately, as in generation. White space after the token that ends the turn is not learnt,
    /// because generation stops before it.
    ///
    /// Some templates render an earlier turn differently when later turns follow; they remove its reasoning, for
    /// instance. Then there is one document for each assistant turn, rendered as the last turn.
    ///
    /// - Parameters:
    ///   - messages: the conversation.
    /// - Returns: the documents, usually one.
    /// - Throws: `OuroError` with code `invalidTemplate` if the rendering of a turn does not start with its prompt,
    ///   `invalidData` if no message is the assistant's, or the error of rendering the template.
    public func documents(messages: [ChatMessage]) throws(OuroError) -> [TokenDocument] {
        let answers = messages.indices.filter { messages[$0].role == "assistant" }
        guard let last = answers.last else {
            throw OuroError(.invalidData, field: "messages", "expected at least one message of the role 'assistant'")
        }
        let shielded = messages.map(ChatShield(tokenizer, knowsDeveloper: template.mentions("developer")).message)
        var turns: [(prompt: String, whole: String)] = []
        for index in answers {
            turns.append(try turn(index, of: shielded))
        }
        // Messages after the last answer are not needed.
        let whole = try template.render(messages: Array(shielded[...last]), addGenerationPrompt: false)
        let isContinuous = turns.allSatisfy { Self.hasPrefix(whole, $0.whole) }
        guard isContinuous else { return turns.map { document(turns: [$0]) } }
        return [document(turns: turns)]
    }

    /// The rendered prompt of an answer, and the rendered prompt with the answer.
    private func turn(_ index: Int, of messages: [ChatMessage]) throws(OuroError) -> (prompt: String, whole: String) {
        let before = Array(messages[..<index])
        let whole = try template.render(messages: Array(messages[...index]), addGenerationPrompt: false)
        guard !before.isEmpty else {
            throw OuroError(
                .invalidData, field: "messages[0]",
                "expected a message before the assistant's first message")
        }
        let prompt = try template.render(messages: before, addGenerationPrompt: true)
        guard Self.hasPrefix(whole, prompt) else {
            throw OuroError(
                .invalidTemplate, file: template.file, field: "messages[\(index)]",
                "the rendering of this answer does not start with its generation prompt, so the text to learn is "
                    + "unknown; use a template whose generation prompt begins the answer")
        }
        return (prompt, whole)
    }

    /// One document of turns whose renderings continue each other.
    private func document(turns: [(prompt: String, whole: String)]) -> TokenDocument {
        var document = TokenDocument()
        var done = 0
        for turn in turns {
            let prompt = Array(turn.prompt.utf8)
            let whole = Array(turn.whole.utf8)
            document.append(encode(prompt[min(done, prompt.count)...]), learns: false)
            appendAnswer(encode(whole[prompt.count...]), to: &document)
            done = whole.count
        }
        document.append([endOfText], learns: false)
        return document
    }

    private func appendAnswer(_ ids: [Int], to document: inout TokenDocument) {
        var end = ids.count
        if let last = ids.lastIndex(where: { tokenizer.isSpecial($0) }),
            tokenizer.decode(Array(ids[(last + 1)...])).allSatisfy(\.isWhitespace)
        {
            end = last + 1
        }
        document.append(ids[..<end], learns: true)
        document.append(ids[end...], learns: false)
    }

    private func encode(_ bytes: ArraySlice<UInt8>) -> [Int] {
        tokenizer.encode(String(decoding: bytes, as: UTF8.self), removingMarkers: true)
    }

    /// Compares bytes, because characters may combine across the boundary.
    private static func hasPrefix(_ text: String, _ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }
}
