import NIOCore

/// The connection that a request came by: whether its client is still there, and a clock.
struct Connection: Sendable {
    let watch: ConnectionWatch
    let eventLoop: any EventLoop
    /// Nil for the event loop's own.
    let clock: (any Clock<Duration>)?

    /// Runs `body`, which is cancelled if the client closes the connection.
    ///
    /// - Throws: what `body` throws, or `CancellationError` if the client has closed the connection.
    func cancelling<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await firstOf(body) {
            await suspended { watch.wait($0) }
            throw CancellationError()
        }
    }

    /// Runs `body`, which is cancelled when the time is over.
    ///
    /// - Throws: what `body` throws, or `failure` when the time is over and `body` has ended.
    func limiting<Value: Sendable>(
        seconds: Int, _ failure: APIError, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await firstOf(body) {
            try await pause(seconds: seconds)
            throw failure
        }
    }

    /// Waits. A cancelled `Task.sleep` keeps its memory until its time is over, and a server cancels most of its waits; this
    /// does not.
    ///
    /// - Throws: `CancellationError` if the task is cancelled.
    func pause(seconds: Int) async throws {
        if let clock { return try await clock.sleep(for: .seconds(seconds)) }
        await suspended { continuation in
            let timer = eventLoop.scheduleTask(in: .seconds(Int64(seconds))) { continuation.finish() }
            return { timer.cancel() }
        }
        try Task.checkCancellation()
    }
}
