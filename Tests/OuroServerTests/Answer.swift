import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// The answer of a server to one request.
struct Answer: Sendable {
    var status: Int
    /// The header fields. Names are in lower case.
    var headers: [String: String]
    var body: String

    func json() throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any], "not an object: \(body)")
    }

    /// The events of a stream, without the last one, which is `[DONE]`.
    func events() throws -> [[String: Any]] {
        // A server sends a comment if it has sent nothing else for a while.
        var lines = body.components(separatedBy: "\n\n").filter { !$0.isEmpty && $0 != ": waiting" }
        #expect(lines.last == "data: [DONE]", "the stream ends with \(lines.last ?? "nothing")")
        lines.removeLast()
        return try lines.map { try Self.event($0) }
    }

    /// The object of a line `data: {...}`.
    static func event(_ line: String) throws -> [String: Any] {
        #expect(line.hasPrefix("data: "), "\(line)")
        return try #require(try JSONSerialization.jsonObject(with: Data(line.dropFirst(6).utf8)) as? [String: Any])
    }
}

/// Sends requests to a server, over a socket or without one.
protocol TestClient: Sendable {
    var engine: Engine { get }
    func send(_ method: String, _ path: String, _ body: Data?, headers: [String: String]) async throws -> Answer
}

extension TestClient {
    func send(_ method: String, _ path: String, _ body: Data?) async throws -> Answer {
        try await send(method, path, body, headers: [:])
    }

    func get(_ path: String, headers: [String: String] = [:]) async throws -> Answer {
        try await send("GET", path, nil, headers: headers)
    }

    func post(_ path: String, _ body: String, headers: [String: String] = [:]) async throws -> Answer {
        try await send("POST", path, Data(body.utf8), headers: headers)
    }

    /// Returns whether all blocks and slots are free after a few passes.
    ///
    /// Between two answers of ``Engine/usage()`` there is a pass, so this counts passes and not time.
    func becomesIdle(within passes: Int = 4) async -> Bool {
        for _ in 0...passes where await engine.usage() == (0, 0) { return true }
        return false
    }
}

extension Server {
    /// The number of tokens that all requests have generated so far.
    var generatedTokens: Int {
        let page = service.metrics.text(service.engine.load, running: 0, waiting: 0)
        let line = page.split(separator: "\n").first { $0.hasPrefix("ouro_generation_tokens_total{") }
        return line?.split(separator: " ").last.flatMap { Int($0) } ?? -1
    }
}
