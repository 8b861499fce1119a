import NIOCore
import NIOHTTP1
import Ouro

/// The limits of a connection.
struct ConnectionLimits: Sendable {
    /// The time for the head of a request to arrive, and for a client to read a part of its response.
    var arrivalSeconds: Int
    /// The time that a connection stays open between two requests.
    var keepAliveSeconds: Int
    /// The clock of the limits. Nil takes the event loop's clock.
    var clock: (any Clock<Duration>)?

    static let headerBytes = 64 << 10
    static let headerCount = 200

    static var decoder: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        (limits.maxHeaderListSize, limits.maxHeaderFieldCount) = (headerBytes, headerCount)
        limits.maxHeaderFieldSize = headerBytes / 2
        return limits
    }

    /// Calls `action` on the event loop after a number of seconds. The returned closure cancels that.
    func timer(
        seconds: Int, on eventLoop: any EventLoop, _ action: @escaping @Sendable () -> Void
    ) -> () -> Void {
        guard let clock else {
            let timer = eventLoop.scheduleTask(in: .seconds(Int64(seconds)), action)
            return { timer.cancel() }
        }
        let isCancelled = AtomicFlag()
        let task = Task {
            try await clock.sleep(for: .seconds(seconds))
            eventLoop.execute { if !isCancelled.isSet { action() } }
        }
        return {
            isCancelled.set()
            task.cancel()
        }
    }
}
