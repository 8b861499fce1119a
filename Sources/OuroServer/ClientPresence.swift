import Hummingbird
import NIOCore
import Synchronization

/// Sits in a connection and notices when its client has gone: it closed its side, or the connection broke.
///
/// The framework's own way of noticing consumes the connection, which then serves one request only and closes without a
/// word; clients that keep connections open would find theirs gone in the middle of the next request.
final class ClientPresence: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    /// It reads nothing of what passes.
    typealias InboundIn = Never

    private struct State {
        var hasLeft = false
        var number = 0
        var waiting: [Int: AsyncStream<Never>.Continuation] = [:]
    }

    private let state = Mutex(State())

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { leave() }
        context.fireUserInboundEventTriggered(event)
    }

    private func leave() {
        let waiting = state.withLock { state in
            state.hasLeft = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.finish() }
    }

    /// Runs `body`, which is cancelled if the client goes away.
    ///
    /// - Throws: what `body` throws, or `CancellationError` if the client has gone.
    func cancelling<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await firstOf(body) {
            await self.left()
            throw CancellationError()
        }
    }

    /// Returns when the client has gone, or the caller is cancelled.
    private func left() async {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        let number = state.withLock { state -> Int? in
            guard !state.hasLeft else { return nil }
            state.number += 1
            state.waiting[state.number] = continuation
            return state.number
        }
        guard let number else { return }
        for await _ in stream {}
        state.withLock { $0.waiting[number] = nil }
    }
}

/// What is known of a request besides itself: its connection.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// - Throws: `CancellationError` if the connection is closed already.
    func client() async throws -> ClientPresence {
        do {
            return try await channel.pipeline.handler(type: ClientPresence.self).get()
        } catch {
            throw CancellationError()
        }
    }
}

/// Runs `body` until it ends or `interruption` throws; then cancels the other and waits for it.
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
