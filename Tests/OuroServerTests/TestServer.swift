import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Testing

@testable import Ouro
@testable import OuroServer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A server on a free port with the small trained fixture, and a client that is nothing but a socket.
final class TestServer: Sendable {
    let port: Int
    let engine: Engine
    let group: ServiceGroup
    private let task: Task<Void, any Error>

    static let model = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../OuroTests/Fixtures/code_lm").standardizedFileURL

    private init(port: Int, engine: Engine, group: ServiceGroup, task: Task<Void, any Error>) {
        (self.port, self.engine, self.group, self.task) = (port, engine, group, task)
    }

    /// Waits until the server has ended.
    func ended() async -> Result<Void, any Error> { await task.result }

    /// Runs `body` with a server.
    static func with<Value: Sendable>(
        _ change: (inout ServerOptions) -> Void = { _ in }, model: URL = model,
        engineOptions: EngineOptions = EngineOptions(threads: 1), _ body: (TestServer) async throws -> Value
    ) async throws -> Value {
        var options = ServerOptions()
        options.port = 0
        change(&options)
        let engine = try Engine(modelAt: model, options: engineOptions)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = try Server(engine: engine, modelName: "code_lm", options: options, logger: logger)
        let (ports, source) = AsyncStream<Int>.makeStream()
        let group = server.group(takesSignals: false) { source.yield($0) }
        let task = Task { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let running = TestServer(port: port, engine: engine, group: group, task: task)
        do {
            let value = try await body(running)
            task.cancel()
            _ = await task.result
            return value
        } catch {
            task.cancel()
            throw error
        }
    }

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var body: String

        func json() throws -> [String: Any] {
            try #require(
                try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any], "not an object: \(body)")
        }

        /// The events of a stream, without the last one and without comments, which a busy machine may bring.
        func events() throws -> [[String: Any]] {
            var lines = body.components(separatedBy: "\n\n").filter { !$0.isEmpty && $0 != ": waiting" }
            #expect(lines.last == "data: [DONE]", "the stream ends with \(lines.last ?? "nothing")")
            lines.removeLast()
            return try lines.map { line in
                #expect(line.hasPrefix("data: "), "\(line)")
                return try #require(
                    try JSONSerialization.jsonObject(with: Data(line.dropFirst(6).utf8)) as? [String: Any])
            }
        }
    }

    func get(_ path: String, headers: [String: String] = [:]) async throws -> Answer {
        try await send("GET", path, nil, headers: headers)
    }

    func post(_ path: String, _ body: String, headers: [String: String] = [:]) async throws -> Answer {
        try await send("POST", path, Data(body.utf8), headers: headers)
    }

    func send(
        _ method: String, _ path: String, _ body: Data?, headers: [String: String] = [:]
    ) async throws -> Answer {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        return try await raw(Data((head + "\r\n").utf8) + (body ?? Data()))
    }

    /// Sends bytes and reads all of the answer.
    func raw(_ bytes: Data) async throws -> Answer {
        let port = port
        let data = try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        let socket = try Socket(port: port)
                        try socket.write(bytes)
                        return try socket.readAll()
                    })
            }
        }
        return try Self.parse(data)
    }

    private static func parse(_ data: Data) throws -> Answer {
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

    /// Waits until nothing runs and no memory is held any more.
    func becomesIdle() async throws -> Bool {
        for _ in 0..<200 {
            if await engine.usage() == (0, 0) { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
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
