import NIOCore

/// Sends a response over a connection.
struct ConnectionWriter: ResponseWriter {
    let connection: NIOLoopBound<HTTPConnection>
    let exchange: NIOLoopBound<HTTPExchange>
    let eventLoop: any EventLoop

    /// The size of the parts in which a body is sent. The time limit for a slow reader applies to each part.
    private static let partSize = 256 << 10

    func write(_ response: Response, _ body: ByteBuffer) async throws {
        var rest = body
        let first = rest.readSlice(length: min(Self.partSize, rest.readableBytes)) ?? ByteBuffer()
        try await submit {
            try $0.begin(response, length: body.readableBytes, probe: nil, for: $1)
            return try $0.write(first, for: $1)
        }
        while let part = rest.readSlice(length: min(Self.partSize, rest.readableBytes)), part.readableBytes > 0 {
            try await write(part)
        }
        try await end()
    }

    func begin(_ response: Response, probe: ByteBuffer) async throws {
        try await submit {
            try $0.begin(response, length: nil, probe: probe, for: $1)
            return try $0.write(ByteBuffer(), for: $1)
        }
    }

    func write(_ part: ByteBuffer) async throws { try await submit { try $0.write(part, for: $1) } }

    func end() async throws { try await submit { try $0.end($1) } }

    private func submit(
        _ body: @escaping @Sendable (HTTPConnection, HTTPExchange) throws -> EventLoopFuture<Void>
    ) async throws {
        try await eventLoop.flatSubmit { [connection, exchange, eventLoop] in
            do {
                return try body(connection.value, exchange.value)
            } catch {
                return eventLoop.makeFailedFuture(error)
            }
        }.get()
    }
}
