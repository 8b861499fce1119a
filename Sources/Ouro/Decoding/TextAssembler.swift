/// Turns tokens into text that may be shown: whole characters, without any part of a stop string.
package struct TextAssembler: Sendable {
    private var decoder: StreamingDecoder?
    private var matcher: StopMatcher

    package init(tokenizer: Tokenizer?, stop: [String], showsSpecialTokens: Bool) {
        decoder = tokenizer.map { StreamingDecoder($0, skippingSpecialTokens: !showsSpecialTokens) }
        matcher = StopMatcher(stop)
    }

    /// Appends a token. Returns the text that may be shown, and whether a stop string was found.
    mutating func append(_ token: Int) -> (text: String, stopped: Bool) {
        matcher.append(decoder?.append(token) ?? "")
    }

    /// Ends the text. Returns the text that was held back.
    mutating func finish() -> String {
        let (text, stopped) = matcher.append(decoder?.finish() ?? "")
        return stopped ? text : text + matcher.finish()
    }
}
