import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

@testable import Ouro
@testable import OuroServer

/// A server without sockets. Every request goes directly to the handlers, on a connection in memory.
final class RouterClient: TestClient {
    let engine: Engine
    let server: Server
    private let requestGuard: RequestGuard
    private static let eventLoop = NIOAsyncTestingEventLoop()

    init(_ server: Server, _ engine: Engine) {
        (self.server, self.engine) = (server, engine)
        requestGuard = server.requestGuard()
    }

    /// Runs `body` with a server of the small trained fixture.
    static func with<Value: Sendable>(
        _ change: (inout ServerOptions) -> Void = { _ in }, model: URL = TestServer.model,
        engineOptions: EngineOptions = EngineOptions(threads: 1), logger: Logger = TestServer.quiet,
        _ body: (RouterClient) async throws -> Value
    ) async throws -> Value {
        var options = ServerOptions()
        change(&options)
        let engine = try Engine(modelAt: model, options: engineOptions)
        let server = try Server(engine: engine, modelName: "code_lm", options: options, logger: logger)
        return try await body(RouterClient(server, engine))
    }

    /// A request in progress.
    struct Exchange: Sendable {
        fileprivate let task: Task<Answer, Never>
        /// The parts of the answer's body, as they are written.
        let parts: AsyncStream<String>

        /// Waits for the whole answer.
        func answer() async -> Answer { await task.value }

        /// Does what the server does when the client has left.
        func leave() { task.cancel() }
    }

    func send(
        _ method: String, _ path: String, _ body: Data?, headers: [String: String]
    ) async throws -> Answer {
        let body = IncomingBody(ByteBuffer(bytes: body ?? Data()))
        return await start(method, path, body, headers: headers).answer()
    }

    /// Starts a POST request with this body.
    func start(_ path: String, _ body: String, reading allowance: Watched<Int>? = nil) -> Exchange {
        start("POST", path, IncomingBody(ByteBuffer(string: body)), reading: allowance)
    }

    /// Starts a request and does not wait for its answer.
    ///
    /// - Parameter allowance: the number of parts that the client reads. Nil reads all.
    func start(
        _ method: String, _ path: String, _ body: IncomingBody, headers: [String: String] = [:],
        reading allowance: Watched<Int>? = nil
    ) -> Exchange {
        var fields: HTTPFields = [:]
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else { continue }
            fields[name] = value
        }
        let request = Request(
            method: HTTPRequest.Method(method) ?? .get, target: path, headers: fields, body: body)
        let (parts, source) = AsyncStream<String>.makeStream()
        let writer = Writer(source, allowance)
        let task = Task { [requestGuard] in
            defer { source.finish() }
            await requestGuard.serve(request, on: Self.eventLoop, writer: writer)
            return writer.answer
        }
        return Exchange(task: task, parts: parts)
    }

    /// Collects what a response writes.
    private final class Writer: ResponseWriter {
        private let state = Mutex(Answer(status: 0, headers: [:], body: ""))
        private let parts: AsyncStream<String>.Continuation
        private let written = Watched(0)
        private let allowance: Watched<Int>?

        init(_ parts: AsyncStream<String>.Continuation, _ allowance: Watched<Int>?) {
            (self.parts, self.allowance) = (parts, allowance)
        }

        var answer: Answer { state.withLock { $0 } }

        func write(_ response: Response, _ body: ByteBuffer) async throws {
            try await begin(response, probe: ByteBuffer())
            try await write(body)
        }

        func begin(_ response: Response, probe: ByteBuffer) async throws {
            let headers = response.headers.map { ($0.name.canonicalName, $0.value) }
            state.withLock {
                $0 = Answer(status: response.status.code, headers: Dictionary(headers) { $1 }, body: "")
            }
        }

        func write(_ part: ByteBuffer) async throws {
            let number = written.update { count in
                count += 1
                return count
            }
            await allowance?.reaches { $0 >= number }
            try Task.checkCancellation()
            let text = String(buffer: part)
            state.withLock { $0.body += text }
            parts.yield(text)
        }

        func end() async throws {}
    }
}
