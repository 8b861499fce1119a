/// The tokens of one generation, in order.
///
/// Breaking out of the iteration or cancelling its task stops the generation and frees its cache. The stream keeps its
/// engine alive until the generation ends. It can be iterated once.
public struct TokenStream: AsyncSequence, Sendable {
    /// One generated token.
    public typealias Element = GeneratedToken

    /// Number of tokens in the prompt.
    public let promptTokens: Int
    let stream: AsyncThrowingStream<GeneratedToken, any Error>
    var backlog: TokenBacklog?

    /// Hands out the tokens of a ``TokenStream``.
    public struct AsyncIterator: AsyncIteratorProtocol {
        var tokens: AsyncThrowingStream<GeneratedToken, any Error>.AsyncIterator
        let backlog: TokenBacklog?

        /// Waits for the next token. Nil at the end of the generation.
        ///
        /// - Throws: ``OuroError`` if the generation fails.
        public mutating func next() async throws -> GeneratedToken? {
            let token = try await tokens.next()
            if token != nil { backlog?.taken() }
            return token
        }
    }

    /// Starts the iteration. Its `next()` throws ``OuroError`` if the generation fails.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(tokens: stream.makeAsyncIterator(), backlog: backlog)
    }

    /// Waits for the end of the generation and returns its whole text.
    ///
    /// - Throws: ``OuroError`` if the generation fails, and `CancellationError` if the task is cancelled before the
    ///   last token.
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
