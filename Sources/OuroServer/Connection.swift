import NIOCore

/// What a handler knows of the connection of its request.
///
/// The task of a request is cancelled when its client has left.
struct Connection: Sendable {
    let eventLoop: any EventLoop
    /// The clock of time limits. Nil uses the event loop's clock.
    let clock: (any Clock<Duration>)?
    /// Collects what the log line of the request says.
    let log: RequestLog

    /// Runs `body`, and cancels it when the time limit expires.
    ///
    /// - Throws: Any error of `body`. `failure` if the limit expires; it is thrown after `body` has ended.
    func limiting<Value: Sendable>(
        seconds: Int, _ failure: APIError, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await firstOf(body) {
            try await pause(seconds: seconds)
            throw failure
        }
    }

    /// Waits for a number of seconds.
    ///
    /// A server cancels most of its waits. A cancelled `Task.sleep` keeps its memory until its time is over, so this uses a
    /// timer of the event loop instead.
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
