/// The tokens of one generation, as they are made. Ending the iteration early, or cancelling its task, stops the work and
/// frees the cache.
public struct TokenStream: AsyncSequence, Sendable {
    public typealias Element = GeneratedToken

    /// Tokens of the prompt.
    public let promptTokens: Int
    let stream: AsyncThrowingStream<GeneratedToken, any Error>

    public func makeAsyncIterator() -> AsyncThrowingStream<GeneratedToken, any Error>.AsyncIterator {
        stream.makeAsyncIterator()
    }

    /// Waits for the end and returns the whole text.
    public func text() async throws -> String {
        var text = ""
        for try await token in self { text += token.text }
        return text
    }
}
