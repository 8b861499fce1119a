import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

@testable import Ouro
@testable import OuroServer

/// A server without sockets: every request goes straight to the router, on a connection that exists in memory only.
final class RouterClient: TestClient {
    let engine: Engine
    let server: Server
    private let responder: RouterResponder<ConnectionContext>

    init(_ server: Server, _ engine: Engine) {
        (self.server, self.engine) = (server, engine)
        responder = server.router().buildResponder()
    }

    /// Runs `body` with a server of the small trained fixture.
    static func with<Value: Sendable>(
        _ change: (inout ServerOptions) -> Void = { _ in }, model: URL = TestServer.model,
        engineOptions: EngineOptions = EngineOptions(threads: 1), _ body: (RouterClient) async throws -> Value
    ) async throws -> Value {
        var options = ServerOptions()
        change(&options)
        let engine = try Engine(modelAt: model, options: engineOptions)
        let server = try Server(engine: engine, modelName: "code_lm", options: options, logger: TestServer.quiet)
        return try await body(RouterClient(server, engine))
    }

    /// A request under way.
    struct Exchange: Sendable {
        fileprivate let channel: NIOAsyncTestingChannel
        fileprivate let task: Task<Answer, any Error>
        /// The parts of the answer's body, as they are written.
        let parts: AsyncStream<String>

        /// Waits for the whole answer.
        func answer() async throws -> Answer { try await task.value }

        /// What the server sees when the client closes its side of the connection.
        func leave() { channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    }

    func send(
        _ method: String, _ path: String, _ body: Data?, headers: [String: String]
    ) async throws -> Answer {
        let body = RequestBody(buffer: ByteBuffer(bytes: body ?? Data()))
        return try await start(method, path, body, headers: headers).answer()
    }

    /// Starts a request with a body.
    func start(_ path: String, _ body: String) async -> Exchange {
        await start("POST", path, RequestBody(buffer: ByteBuffer(string: body)))
    }

    /// Starts a request.
    func start(
        _ method: String, _ path: String, _ body: RequestBody, headers: [String: String] = [:]
    ) async -> Exchange {
        let channel = await NIOAsyncTestingChannel(handler: ConnectionWatch())
        var fields = HTTPFields()
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else { continue }
            fields[name] = value
        }
        let request = Request(
            head: HTTPRequest(
                method: HTTPRequest.Method(method) ?? .get, scheme: "http", authority: "localhost", path: path,
                headerFields: fields), body: body)
        let context = ConnectionContext(source: .init(channel: channel, logger: TestServer.quiet))
        let (parts, source) = AsyncStream<String>.makeStream()
        let task = Task { [responder] in
            defer { source.finish() }
            let response = try await responder.respond(to: request, context: context)
            let writer = Writer(source)
            try await response.body.write(writer)
            let headers = response.headers.map { ($0.name.canonicalName, $0.value) }
            return Answer(
                status: response.status.code, headers: Dictionary(headers) { $1 }, body: writer.text)
        }
        return Exchange(channel: channel, task: task, parts: parts)
    }

    /// Collects what a response writes.
    private final class Writer: ResponseBodyWriter, Sendable {
        private let written = Mutex("")
        private let parts: AsyncStream<String>.Continuation

        init(_ parts: AsyncStream<String>.Continuation) { self.parts = parts }

        var text: String { written.withLock { $0 } }

        func write(_ buffer: ByteBuffer) async throws {
            let part = String(buffer: buffer)
            written.withLock { $0 += part }
            parts.yield(part)
        }

        func finish(_ trailers: HTTPFields?) async throws {}
    }
}
