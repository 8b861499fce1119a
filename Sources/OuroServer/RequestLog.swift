import Synchronization

/// Collects what the log line of a request says.
final class RequestLog: Sendable {
    struct Entry: Sendable {
        var promptTokens: Int?
        var completionTokens = 0
        var firstToken: Duration?
        /// The code of an error that the client got inside a stream.
        var streamError: String?
    }

    private let start = ContinuousClock.now
    private let state = Mutex(Entry())

    var entry: Entry { state.withLock { $0 } }

    /// The time since the head of the request arrived.
    var age: Duration { ContinuousClock.now - start }

    func began(promptTokens: Int) { state.withLock { $0.promptTokens = promptTokens } }

    func token() {
        let age = age
        state.withLock {
            $0.completionTokens += 1
            $0.firstToken = $0.firstToken ?? age
        }
    }

    func failed(_ error: APIError) { state.withLock { $0.streamError = error.code ?? "\(error.status.code)" } }
}
