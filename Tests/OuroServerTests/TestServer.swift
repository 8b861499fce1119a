import Foundation
import Logging
import Testing

@testable import Ouro
@testable import OuroServer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A server on a free port with the small trained fixture, and a client that is only a socket.
///
/// It is for what only a socket shows: connections that break, stay open, or bring half a request. Everything else is
/// tested by ``RouterClient``.
final class TestServer: TestClient {
    let port: Int
    let engine: Engine
    let server: Server
    let shutdown: Shutdown
    private let task: Task<Void, any Error>

    static let model = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../OuroTests/Fixtures/code_lm").standardizedFileURL

    static let quiet: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }()

    private init(port: Int, server: Server, shutdown: Shutdown, task: Task<Void, any Error>) {
        (self.port, self.server, self.shutdown, self.task) = (port, server, shutdown, task)
        engine = server.service.engine
    }

    /// Waits until the server has ended.
    func ended() async -> Result<Void, any Error> { await task.result }

    /// Runs `body` with a server.
    static func with<Value: Sendable>(
        _ change: (inout ServerOptions) -> Void = { _ in }, model: URL = model,
        engineOptions: EngineOptions = EngineOptions(threads: 1), logger: Logger = quiet,
        _ body: (TestServer) async throws -> Value
    ) async throws -> Value {
        var options = ServerOptions()
        options.port = 0
        change(&options)
        let engine = try Engine(modelAt: model, options: engineOptions)
        let server = try Server(engine: engine, modelName: "code_lm", options: options, logger: logger)
        let (ports, source) = AsyncStream<Int>.makeStream()
        let shutdown = Shutdown()
        let task = Task {
            defer { source.finish() }
            try await server.run(until: shutdown) { source.yield($0) }
        }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next(), "it listens")
        do {
            let value = try await body(TestServer(port: port, server: server, shutdown: shutdown, task: task))
            task.cancel()
            _ = await task.result
            return value
        } catch {
            task.cancel()
            throw error
        }
    }

    func send(
        _ method: String, _ path: String, _ body: Data?, headers: [String: String]
    ) async throws -> Answer {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        return try await raw(Data((head + "\r\n").utf8) + (body ?? Data()))
    }

    /// Runs `body` with a connection, on a thread of its own: sockets block. The connection closes at the end.
    func withSocket<Value: Sendable>(_ body: @escaping @Sendable (Socket) throws -> Value) async throws -> Value {
        let port = port
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                let result = Result {
                    let socket = try Socket(port: port)
                    return try withExtendedLifetime(socket) { try body(socket) }
                }
                continuation.resume(with: result)
            }
        }
    }

    /// Sends bytes and reads all of the answer.
    func raw(_ bytes: Data) async throws -> Answer {
        try Self.parse(
            await withSocket { socket in
                try socket.write(bytes)
                return try socket.readAll()
            })
    }

    static func parse(_ data: Data) throws -> Answer {
        let border = try #require(
            data.range(of: Data("\r\n\r\n".utf8)), "no answer: \(String(decoding: data, as: UTF8.self))")
        let lines = String(decoding: data[..<border.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces) }
        }
        var body = Data(data[border.upperBound...])
        if headers["transfer-encoding"] == "chunked" { body = joined(body) }
        return Answer(status: status, headers: headers, body: String(decoding: body, as: UTF8.self))
    }

    private static func joined(_ chunks: Data) -> Data {
        var (rest, body) = (chunks, Data())
        while let line = rest.range(of: Data("\r\n".utf8)),
            let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16), size > 0
        {
            body += rest[line.upperBound..<line.upperBound + size]
            rest = rest[(line.upperBound + size + 2)...]
        }
        return body
    }
}

/// A connection, blocking.
final class Socket {
    private let descriptor: Int32

    struct Failure: Error { let code: Int32 }

    init(port: Int) throws {
        #if canImport(Glibc)
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(code: errno) }
        var seconds = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &seconds, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Says that nothing more will be written. The answer can still be read.
    func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    func write(_ data: Data) throws {
        var sent = 0
        while sent < data.count {
            let count = data[(data.startIndex + sent)...].withUnsafeBytes {
                #if canImport(Glibc)
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                #else
                    Darwin.send(descriptor, $0.baseAddress, $0.count, 0)
                #endif
            }
            guard count > 0 else { throw Failure(code: errno) }
            sent += count
        }
    }

    /// What comes next; empty at the end.
    func read(_ limit: Int = 1 << 16) throws -> Data {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        guard count >= 0 else { throw Failure(code: errno) }
        return Data(buffer[..<count])
    }

    /// What comes until the end of a text, that included; less if the connection ends.
    func read(until end: String) throws -> String {
        var data = Data()
        while data.range(of: Data(end.utf8)) == nil {
            let part = try read()
            if part.isEmpty { break }
            data += part
        }
        return String(decoding: data, as: UTF8.self)
    }

    func readAll() throws -> Data {
        var data = Data()
        while true {
            let part: Data
            do { part = try read() } catch {
                // A server that refuses may reset the connection after its answer.
                if data.isEmpty { throw error }
                return data
            }
            if part.isEmpty { return data }
            data += part
        }
    }
}
