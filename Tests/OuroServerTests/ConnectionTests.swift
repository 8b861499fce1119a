import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// Tests what needs a socket: connections that stay open, break or send half a request, and shutdown.
///
/// The time limit of the suite only ends a test that waits for something that never happens.
@Suite(.timeLimit(.minutes(5))) struct ConnectionTests {
    /// A request on a connection that stays open, unless `ends` is true.
    private static func completion(tokens: Int, choices: Int = 1, stream: Bool, ends: Bool = false) -> Data {
        let body =
            "{\"prompt\":\"let \",\"max_tokens\":\(tokens),\"n\":\(choices),\"ignore_eos\":true,\"stream\":\(stream)}"
        let head =
            "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n"
            + (ends ? "Connection: close\r\n" : "")
        return Data((head + "\r\n" + body).utf8)
    }

    @Test func workStopsWhenTheClientOfAStreamIsGone() async throws {
        try await TestServer.with { server in
            try await server.withSocket { socket in
                try socket.write(Self.completion(tokens: 2000, choices: 8, stream: true))
                _ = try socket.read(until: "data:")
            }
            await server.server.service.admission.reaches { $0 == (0, 0) }
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
            await admission.reaches { $0 == (0, 0) }
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

    @Test func whoSendsHalfABodyIsTold() async throws {
        let clock = ManualClock()
        // The real clock closes idle connections after an hour, so that it does not end this test.
        try await TestServer.with({ ($0.arrivalSeconds, $0.clock) = (3600, clock) }) { server in
            async let answer = server.raw(
                Data("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{".utf8))
            await clock.sleeps(for: .seconds(3600))
            clock.advance(by: .seconds(3600))
            let told = try await answer
            #expect(told.status == 408)
            #expect(told.body.contains("did not arrive in 3600 seconds"))
        }
    }

    @Test func garbageAndHalfRequestsDisturbNobody() async throws {
        try await TestServer.with { server in
            let held = try (0..<8).map { _ in try Socket(port: server.port) }
            for socket in held { try socket.write(Data("POST /v1/completions HTTP/1.1\r\nContent-Le".utf8)) }
            for bytes in [
                "\0\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9\r\n\r\n",
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

    // MARK: shutdown

    @Test func aServerThatEndsFinishesWhatRuns() async throws {
        let clock = ManualClock()
        try await TestServer.with({ ($0.drainSeconds, $0.maxRunning, $0.clock) = (300, 1, clock) }) { server in
            // The test occupies the only place, so the stream cannot end before the shutdown begins.
            let running = try server.server.service.admission.enter(1)
            async let stream = server.raw(Self.completion(tokens: 20, stream: true, ends: true))
            await server.server.service.admission.reaches { $0 == (1, 1) }
            await server.group.triggerGracefulShutdown()
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

    @Test func aServerThatEndsCutsWhatTakesTooLong() async throws {
        let clock = ManualClock()
        try await TestServer.with({ ($0.drainSeconds, $0.maxRunning, $0.clock) = (300, 1, clock) }) { server in
            let held = try (0..<6).map { _ in
                let socket = try Socket(port: server.port)
                try socket.write(Self.completion(tokens: 2000, stream: false))
                return socket
            }
            await server.server.service.admission.reaches { $0.running == 1 && $0.waiting > 0 }
            await server.group.triggerGracefulShutdown()
            await clock.sleeps(for: .seconds(300))
            clock.advance(by: .seconds(300))
            await #expect(throws: DrainService.TimeIsOver.self) { try await server.ended().get() }
            #expect(server.server.service.admission.counts == (0, 0))
            #expect(await server.becomesIdle())
            #expect(server.server.generatedTokens < 6 * 2000)
            withExtendedLifetime(held) {}
        }
    }
}
