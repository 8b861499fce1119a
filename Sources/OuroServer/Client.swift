import Hummingbird
import NIOCore
import Synchronization

/// Who a request comes from.
struct Client: Sendable {
    fileprivate let presence: ClientPresence
    fileprivate let eventLoop: any EventLoop

    /// Runs `body`, which is cancelled if the client goes away.
    ///
    /// - Throws: what `body` throws, or `CancellationError` if the client has gone.
    func cancelling<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await firstOf(body) {
            await suspended { presence.wait($0) }
            throw CancellationError()
        }
    }

    /// Runs `body` until the time is over.
    ///
    /// - Throws: what `body` throws, or `failure` when the time is over, after what `body` did has been cancelled.
    func limiting<Value: Sendable>(
        seconds: Int, _ failure: APIError, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await firstOf(body) {
            try await pause(seconds: seconds)
            throw failure
        }
    }

    /// As `Task.sleep`, which keeps memory for the whole time even if it is cancelled; servers cancel most of theirs.
    func pause(seconds: Int) async throws {
        await suspended { continuation in
            let timer = eventLoop.scheduleTask(in: .seconds(Int64(seconds))) { continuation.finish() }
            return { timer.cancel() }
        }
        try Task.checkCancellation()
    }
}

/// Waits until the continuation that `start` gets is finished or the task is cancelled; then does what `start` returned.
private func suspended(_ start: (AsyncStream<Never>.Continuation) -> () -> Void) async {
    let (stream, continuation) = AsyncStream<Never>.makeStream()
    let end = start(continuation)
    for await _ in stream {}
    end()
}

/// Runs `body` until it ends or `interruption` throws; then cancels the other and waits for it.
private func firstOf<Value: Sendable>(
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

/// What is known of a request besides itself: its connection.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// - Throws: `CancellationError` if the connection is closed already.
    func client() async throws -> Client {
        do {
            return Client(
                presence: try await channel.pipeline.handler(type: ClientPresence.self).get(),
                eventLoop: channel.eventLoop)
        } catch {
            throw CancellationError()
        }
    }
}

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

    /// Finishes the continuation when the client has gone, unless what this returns is called before.
    fileprivate func wait(_ continuation: AsyncStream<Never>.Continuation) -> () -> Void {
        let number = state.withLock { state -> Int in
            state.number += 1
            if !state.hasLeft { state.waiting[state.number] = continuation }
            return state.hasLeft ? 0 : state.number
        }
        if number == 0 { continuation.finish() }
        return { self.state.withLock { $0.waiting[number] = nil } }
    }
}
