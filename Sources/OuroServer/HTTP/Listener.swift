import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Listens on an address, and runs an ``HTTPConnection`` for every client.
struct Listener {
    let channel: any Channel

    var port: Int? { channel.localAddress?.port }

    /// - Throws: `IOError` or `SocketAddressError` if the address cannot be had.
    init(
        host: String, port: Int, service: any HTTPService, limits: ConnectionLimits, tracker: ConnectionTracker
    ) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = HTTPConnection(service: service, limits: limits, tracker: tracker)
                    try channel.pipeline.syncOperations.addHandlers([
                        ArrivalWatch(connection), HTTPResponseEncoder(),
                        ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: ConnectionLimits.decoder)),
                        connection,
                    ])
                }
            }
            .bind(host: host, port: port).get()
    }

    /// Takes no more connections.
    func close() async { try? await channel.close() }
}

/// Tells a connection that bytes arrive, before they are decoded.
private final class ArrivalWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: HTTPConnection

    init(_ connection: HTTPConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.bytesArrive()
        context.fireChannelRead(data)
    }
}

/// Knows all connections of a server.
final class ConnectionTracker: Sendable {
    private struct Entry: Sendable {
        let channel: any Channel
        let drain: @Sendable () -> Void
    }

    private let entries = Watched<[ObjectIdentifier: Entry]>([:])
    private let draining = Watched(false)
    private let closing = Watched(false)
    /// The number of requests that are being answered.
    let exchanges = Watched(0)

    var isDraining: Bool { draining.value }

    func add(_ channel: any Channel, drain: @escaping @Sendable () -> Void) {
        entries.update { $0[ObjectIdentifier(channel)] = Entry(channel: channel, drain: drain) }
        // It may have been accepted before the listener closed, and registered after the others were closed.
        if closing.value { channel.close(promise: nil) }
    }

    func remove(_ channel: any Channel) {
        entries.update { $0[ObjectIdentifier(channel)] = nil }
    }

    /// Ends idle connections and half-sent requests. Requests that have arrived go on, and their connections close after
    /// them.
    func drain() {
        draining.set()
        for entry in entries.value.values { entry.drain() }
    }

    /// Closes all connections, and waits until they are closed.
    func closeAll() async {
        closing.set()
        for entry in entries.value.values { entry.channel.close(promise: nil) }
        await entries.reaches { $0.isEmpty }
    }
}
