import NIOCore
import Synchronization

/// A channel handler that detects when the client closes its side or the connection breaks.
///
/// Hummingbird can detect this too, but its way serves only one request per connection and then closes the connection. A
/// client with keep-alive would lose its next request.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    /// The handler does not read the data.
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

    /// Finishes the continuation when the client disconnects. The returned closure ends the wait.
    func wait(_ continuation: AsyncStream<Never>.Continuation) -> () -> Void {
        let number = state.withLock { state -> Int in
            state.number += 1
            if !state.hasLeft { state.waiting[state.number] = continuation }
            return state.hasLeft ? 0 : state.number
        }
        if number == 0 { continuation.finish() }
        return { self.state.withLock { $0.waiting[number] = nil } }
    }
}
