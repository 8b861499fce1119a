import Hummingbird
import NIOCore

/// What Hummingbird knows of a request, and the connection that it came by.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel
    /// As in ``ServerOptions``; ``RequestGuard`` sets it.
    var clock: (any Clock<Duration>)?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// - Throws: `CancellationError` if the connection is closed already.
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
