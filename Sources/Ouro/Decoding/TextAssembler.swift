/// Turns tokens into text that may be shown: whole characters, nothing of a stop string.
package struct TextAssembler: Sendable {
    private var decoder: StreamingDecoder?
    private var matcher: StopMatcher

    package init(tokenizer: Tokenizer?, stop: [String], showsSpecialTokens: Bool) {
        decoder = tokenizer.map { StreamingDecoder($0, skippingSpecialTokens: !showsSpecialTokens) }
        matcher = StopMatcher(stop)
    }

    mutating func append(_ token: Int) -> (text: String, stopped: Bool) {
        matcher.append(decoder?.append(token) ?? "")
    }

    mutating func finish() -> String {
        let (text, stopped) = matcher.append(decoder?.finish() ?? "")
        return stopped ? text : text + matcher.finish()
    }
}
