import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// What only a socket shows: connections that stay open, break, or bring half a request; and the end of a server.
///
/// The limit of the suite only ends a test that waits for something that never happens.
@Suite(.timeLimit(.minutes(5))) struct ConnectionTests {
    /// A request on a connection that stays open.
    private static func completion(tokens: Int, choices: Int = 1, stream: Bool, ends: Bool = false) -> Data {
        let body =
            "{\"prompt\":\"let \",\"max_tokens\":\(tokens),\"n\":\(choices),\"ignore_eos\":true,\"stream\":\(stream)}"
        let head =
            "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n"
            + (ends ? "Connection: close\r\n" : "")
        return Data((head + "\r\n" + body).utf8)
    }

    @Test func workStopsWhenTheClientOfAStreamIsGone() async throws {
        try await TestServer.with { server in
            try await server.withSocket { socket in
                try socket.write(Self.completion(tokens: 2000, choices: 8, stream: true))
                _ = try socket.read(until: "data:")
            }
            await server.server.service.admission.reaches { $0 == .none }
            #expect(await server.becomesIdle())
            #expect(server.server.generatedTokens < 8 * 2000)
        }
    }

    @Test func workStopsWhenTheClientOfAnAnswerIsGone() async throws {
        try await TestServer.with { server in
            let admission = server.server.service.admission
            let released = DispatchSemaphore(value: 0)
            async let connection: Void = server.withSocket { socket in
                try socket.write(Self.completion(tokens: 2000, choices: 8, stream: false))
                released.wait()
            }
            await admission.reaches { $0.running == 8 }
            released.signal()
            try await connection
            await admission.reaches { $0 == .none }
            #expect(await server.becomesIdle())
            #expect(server.server.generatedTokens < 8 * 2000)
        }
    }

    @Test func connectionsStayOpenForTheNextRequest() async throws {
        try await TestServer.with { server in
            let answers = try await server.withSocket { socket in
                var answers: [String] = []
                for (stream, end) in [(false, "}\n"), (true, "0\r\n\r\n"), (false, "}\n")] {
                    try socket.write(Self.completion(tokens: 3, stream: stream))
                    answers.append(try socket.read(until: end))
                }
                try socket.write(Self.completion(tokens: 3, stream: false, ends: true))
                return answers + [String(decoding: try socket.readAll(), as: UTF8.self)]
            }
            for answer in answers {
                #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.contains("\"finish_reason\":\"length\""))
            }
        }
    }

    private static let health = Data("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
    private static let halfABody = Data(
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{".utf8)

    @Test(arguments: [
        (halfABody, "the body did not arrive in 3600 seconds"),
        (Data("GET /health HTTP/1.1\r\nHo".utf8), "the head of the request did not arrive in 3600 seconds"),
    ]) func whoSendsHalfARequestIsTold(half: Data, message: String) async throws {
        let clock = ManualClock()
        try await TestServer.with({
            ($0.arrivalSeconds, $0.keepAliveSeconds, $0.clock) = (3600, 86_400, clock)
        }) { server in
            let isOpen = Watched(false)
            async let answer = server.withSocket { socket in
                try socket.write(Self.health)
                _ = try socket.read(until: "}\n")
                isOpen.set()
                try socket.write(half)
                return try socket.readAll()
            }
            await isOpen.wait()
            let ticking = Task { await clock.tick(by: .seconds(3600)) }
            let told = try TestServer.parse(try await answer)
            ticking.cancel()
            #expect(told.status == 408 && told.headers["connection"] == "close")
            #expect(told.body.contains(message), "\(told.body)")
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        let clock = ManualClock()
        try await TestServer.with({ ($0.keepAliveSeconds, $0.clock) = (77, clock) }) { server in
            let ticking = Task { await clock.tick(by: .seconds(77)) }
            let rest = try await server.withSocket { socket in
                try socket.write(Self.health)
                _ = try socket.read(until: "}\n")
                return try socket.readAll()
            }
            ticking.cancel()
            #expect(rest.isEmpty)
        }
    }

    @Test func garbageAndHalfRequestsDisturbNobody() async throws {
        try await TestServer.with { server in
            let held = try (0..<8).map { _ in try Socket(port: server.port) }
            for socket in held { try socket.write(Data("POST /v1/completions HTTP/1.1\r\nContent-Le".utf8)) }
            for bytes in [
                "\0\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTT\r\n\r\n",
                "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
            ] {
                let answer = try await server.raw(Data(bytes.utf8))
                #expect(answer.status == 400, "\(bytes.debugDescription)")
            }
            let answer = try await server.post("/v1/completions", #"{"prompt":"let ","max_tokens":3}"#)
            #expect(answer.status == 200)
            withExtendedLifetime(held) {}
        }
    }

    // MARK: the end of a server

    @Test func aServerThatEndsFinishesWhatRuns() async throws {
        let clock = ManualClock()
        try await TestServer.with({ ($0.drainSeconds, $0.maxRunning, $0.clock) = (300, 1, clock) }) { server in
            // The only place is taken until the test says so. So the stream cannot end before the server is asked to end.
            let running = try server.server.service.admission.enter(samples: 1)
            async let stream = server.raw(Self.completion(tokens: 20, stream: true, ends: true))
            await server.server.service.admission.reaches { $0.running == 1 && $0.waiting == 1 }
            server.shutdown.request()
            await clock.sleeps(for: .seconds(300))
            #expect(try await server.get("/health").status == 503)
            #expect(try await server.post("/v1/completions", #"{"prompt":"x","max_tokens":1}"#).status == 503)
            running.leave()
            let finished = try await stream
            #expect(try finished.events().count == 20)
            await #expect(throws: Never.self) { try await server.ended().get() }
            await #expect(throws: Socket.Failure.self, "nobody listens any more") { try await server.get("/health") }
        }
    }

    @Test func whoIsCutAtTheEndIsTold() async throws {
        let clock = ManualClock()
        try await TestServer.with({ ($0.drainSeconds, $0.maxRunning, $0.clock) = (300, 1, clock) }) { server in
            let admission = server.server.service.admission
            // Nobody but the test has a place, so all requests wait.
            let running = try admission.enter(samples: 1)
            async let whole = server.raw(Self.completion(tokens: 20, stream: false))
            async let stream = server.raw(Self.completion(tokens: 20, stream: true))
            await admission.reaches { $0.waiting == 2 }
            server.shutdown.request()
            await clock.sleeps(for: .seconds(300))
            clock.advance(by: .seconds(300))
            let answer = try await whole
            #expect(answer.status == 503 && answer.headers["connection"] == "close")
            #expect(answer.body.contains("\"code\":\"draining\""), "\(answer)")
            let events = try await stream.body.components(separatedBy: "\n\n").filter { !$0.isEmpty }
            let last = try #require(events.last)
            let error = try #require(try Answer.event(last)["error"] as? [String: Any])
            #expect(error["code"] as? String == "draining")
            await #expect(throws: Never.self) { try await server.ended().get() }
            running.leave()
            #expect(admission.counts == .none)
        }
    }

    @Test func aSecondSignalEndsAtOnce() async throws {
        let clock = ManualClock()
        try await TestServer.with({ ($0.drainSeconds, $0.maxRunning, $0.clock) = (300, 1, clock) }) { server in
            let running = try server.server.service.admission.enter(samples: 1)
            async let waiting = server.withSocket { socket in
                try socket.write(Self.completion(tokens: 20, stream: false))
                return try? socket.readAll()
            }
            await server.server.service.admission.reaches { $0.waiting == 1 }
            server.shutdown.request()
            await clock.sleeps(for: .seconds(300))
            server.shutdown.request()
            // The clock stands still, so only the second request can have ended the server.
            await #expect(throws: Never.self) { try await server.ended().get() }
            _ = try await waiting
            running.leave()
        }
    }

    @Test func halfABodyDoesNotHoldTheEnd() async throws {
        let clock = ManualClock()
        try await TestServer.with({ ($0.drainSeconds, $0.clock) = (300, clock) }) { server in
            async let half = server.raw(Self.halfABody)
            await server.server.connections.exchanges.reaches { $0 == 1 }
            server.shutdown.request()
            let told = try await half
            #expect(told.status == 503)
            await #expect(throws: Never.self) { try await server.ended().get() }
        }
    }
}
