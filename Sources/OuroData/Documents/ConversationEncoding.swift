import Ouro

extension DocumentEncoder {
    /// A conversation, of which the assistant's turns are learnt, each with what ends it.
    ///
    /// Which tokens those are is found by rendering, not by searching for markers: the conversation up to a turn, with the
    /// generation prompt, is exactly what a model is given; what the rendering with the turn has beyond it is exactly what
    /// the model should write. Each stretch is encoded by itself, as it is when a model answers. White space that the
    /// template puts after the token that ends the turn is not learnt: generation has stopped by then.
    ///
    /// Templates that render earlier turns differently later on (some take out what was thought) make several documents,
    /// one for each of the assistant's turns as it was when it was the last one.
    ///
    /// - Throws: ``OuroError`` with code `invalidTemplate` if the rendering of a turn does not begin with its prompt, so that
    ///   there is no saying what of it is the assistant's; `invalidData` if nobody answers; and what rendering throws.
    public func documents(messages: [ChatMessage]) throws(OuroError) -> [TokenDocument] {
        let answers = messages.indices.filter { messages[$0].role == "assistant" }
        guard let last = answers.last else {
            throw OuroError(.invalidData, field: "messages", "there is no message of the role 'assistant' to learn")
        }
        let shielded = messages.map { message in
            ChatMessage(
                role: tokenizer.shieldingSpecialTokens(in: message.role),
                content: message.role == "assistant"
                    ? message.content : tokenizer.shieldingSpecialTokens(in: message.content))
        }
        var turns: [(prompt: String, whole: String)] = []
        for index in answers {
            turns.append(try turn(index, of: shielded))
        }
        // What follows the last answer teaches nothing.
        let whole = try template.render(messages: Array(shielded[...last]), addGenerationPrompt: false)
        let isContinuous = turns.allSatisfy { Self.hasPrefix(whole, $0.whole) }
        guard isContinuous else { return turns.map { document(turns: [$0]) } }
        return [document(turns: turns)]
    }

    /// The prompt of an answer, and the prompt with the answer.
    private func turn(_ index: Int, of messages: [ChatMessage]) throws(OuroError) -> (prompt: String, whole: String) {
        let before = Array(messages[..<index])
        let whole = try template.render(messages: Array(messages[...index]), addGenerationPrompt: false)
        guard !before.isEmpty else {
            throw OuroError(
                .invalidData, field: "messages.0",
                "the conversation begins with the assistant; there is nothing to answer")
        }
        let prompt = try template.render(messages: before, addGenerationPrompt: true)
        guard Self.hasPrefix(whole, prompt) else {
            throw OuroError(
                .invalidTemplate, file: template.file, field: "messages.\(index)",
                "the template renders this answer differently from its prompt, so that it is not known what a model "
                    + "should write; use a template whose generation prompt begins the answer")
        }
        return (prompt, whole)
    }

    /// Turns whose renderings continue each other.
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

    /// By bytes: characters may combine across the border.
    private static func hasPrefix(_ text: String, _ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }
}
