/// The tokens of one generation, as they are made.
///
/// Ending the iteration early, or cancelling its task, stops the work and frees the cache. The stream keeps its engine until
/// the generation ends. It can be iterated once.
public struct TokenStream: AsyncSequence, Sendable {
    public typealias Element = GeneratedToken

    /// Tokens of the prompt.
    public let promptTokens: Int
    let stream: AsyncThrowingStream<GeneratedToken, any Error>

    public func makeAsyncIterator() -> AsyncThrowingStream<GeneratedToken, any Error>.AsyncIterator {
        stream.makeAsyncIterator()
    }

    /// Waits for the end and returns the whole text.
    ///
    /// - Throws: ``OuroError`` if the generation fails, and `CancellationError` if it ends before its last token, because the
    ///   task was cancelled.
    public func text() async throws -> String {
        var text = ""
        var isWhole = false
        for try await token in self {
            text += token.text
            isWhole = token.finishReason != nil
        }
        guard isWhole else { throw CancellationError() }
        return text
    }
}
