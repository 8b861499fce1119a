/// Waits until the continuation that `start` gets is finished or the task is cancelled, then calls what `start` returned.
func suspended(_ start: (AsyncStream<Never>.Continuation) -> () -> Void) async {
    let (stream, continuation) = AsyncStream<Never>.makeStream()
    let end = start(continuation)
    for await _ in stream {}
    end()
}

/// Runs `body` until it ends or `interruption` throws, then cancels the other one and waits for it.
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
