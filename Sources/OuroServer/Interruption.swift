/// Calls `start` with a continuation, and waits until the continuation is finished or the task is cancelled.
///
/// Then it calls the closure that `start` returned.
func suspended(_ start: (AsyncStream<Never>.Continuation) -> () -> Void) async {
    let (stream, continuation) = AsyncStream<Never>.makeStream()
    let end = start(continuation)
    for await _ in stream {}
    end()
}

/// Runs `body` until it ends or `interruption` throws. Then it cancels the other one and waits for it.
func firstOf<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value, _ interruption: @escaping @Sendable () async throws -> Never
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await body() }
        group.addTask { try await interruption() }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw CancellationError() }
        return value
    }
}
