import Hummingbird
import NIOCore

/// Hummingbird's context of a request, with the request's connection.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel
    /// The clock from ``ServerOptions``. `RequestGuard` sets it.
    var clock: (any Clock<Duration>)?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// - Throws: `CancellationError` if the connection is already closed.
    func connection() async throws -> Connection {
        do {
            return Connection(
                watch: try await channel.pipeline.handler(type: ConnectionWatch.self).get(),
                eventLoop: channel.eventLoop, clock: clock)
        } catch {
            throw CancellationError()
        }
    }
}
