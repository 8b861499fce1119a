import Foundation
import NIOCore
import Testing

@testable import Ouro
@testable import OuroServer

/// Clients that take what they can, or send what nobody wants: they must not disturb others.
@Suite(.timeLimit(.minutes(5))) struct HostileConnectionTests {
    private static let chunk = Data("10000\r\n".utf8) + Data(repeating: 120, count: 65_536) + Data("\r\n".utf8)

    /// An endless body after an error: the server closes instead of reading on. The system's buffers take a few MB.
    @Test(arguments: ["/nope", "/health", "/v1/completions", "/v1/models"])
    func bodiesThatNobodyReadsCloseTheConnection(path: String) async throws {
        try await TestServer.with({ ($0.apiKey, $0.maxBodyBytes) = ("key", 4096) }) { server in
            let sent = try await server.withSocket { socket in
                try socket.write(
                    Data("POST \(path) HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".utf8))
                var sent = 0
                while sent < 1 << 30, (try? socket.write(Self.chunk)) != nil { sent += Self.chunk.count }
                return sent
            }
            #expect(sent < 1 << 28, "the server has read \(sent) bytes")
        }
    }

    @Test(arguments: ["POST /nope", "POST /health", "GET /health"])
    func answersToUnreadBodiesSayThatTheConnectionCloses(line: String) async throws {
        try await TestServer.with { (server: TestServer) async throws in
            // The body never comes. The test ends only if the server closes.
            let answer = try await server.raw(
                Data("\(line) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nxx".utf8))
            #expect(answer.headers["connection"] == "close")
        }
    }

    /// A body that has arrived is dropped, and the connection stays open.
    @Test func smallBodiesOfRefusedRequestsKeepTheConnection() async throws {
        try await TestServer.with { server in
            let text = try await server.withSocket { socket in
                let request = Data("POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}".utf8)
                try socket.write(request)
                let first = try socket.read(until: "}}\n")
                try socket.write(request)
                return try first + socket.read(until: "}}\n")
            }
            #expect(text.components(separatedBy: "HTTP/1.1 404").count == 3)
        }
    }

    @Test(arguments: [
        #"{"prompt":"let x","n":128,"max_tokens":2000,"temperature":1,"ignore_eos":true}"#,
        "{\"max_tokens\":2000,\"ignore_eos\":true,\"prompt\":["
            + Array(repeating: "\"let x\"", count: 64).joined(separator: ",") + "]}",
    ]) func oneRequestCannotHoldAllPlaces(body: String) async throws {
        try await RouterClient.with({ $0.maxRunning = 4 }) { server in
            let admission = server.server.service.admission
            let large = server.start("/v1/completions", body)
            await admission.reaches { $0.running == 3 }
            let small = try await server.post("/v1/completions", #"{"prompt":"let x","max_tokens":2}"#)
            #expect(small.status == 200)
            #expect(admission.counts.waiting > 50, "the large request is not nearly done")
            large.leave()
            #expect(await large.answer().status == 499)
            await admission.reaches { $0 == .none }
            #expect(await server.becomesIdle())
        }
    }

    /// A client that reads two events and then stops: its sample pauses, another request is answered, and nothing is lost.
    @Test func aSlowReaderSlowsOnlyItself() async throws {
        try await RouterClient.with { server in
            let body = #""prompt":"let x","max_tokens":900,"ignore_eos":true,"temperature":1,"seed":5"#
            let reading = Watched(2)
            let slow = server.start("/v1/completions", "{\(body),\"stream\":true}", reading: reading)
            var parts = slow.parts.makeAsyncIterator()
            for _ in 0..<2 { _ = await parts.next() }
            let whole = try await server.post("/v1/completions", "{\(body)}").json()
            let choices = try #require(whole["choices"] as? [[String: Any]])
            // The other request has run 900 tokens in the meantime. The slow one has a bounded number, and its place.
            #expect(server.server.service.admission.counts.running == 1)
            #expect(server.engine.load.liveRequests == 1)
            reading.update { $0 = .max }
            let events = try await slow.answer().events()
            let text = events.compactMap { ($0["choices"] as? [[String: Any]])?.first?["text"] as? String }.joined()
            #expect(text == choices.first?["text"] as? String)
            #expect(await server.becomesIdle())
        }
    }

    @Test func aPausedClientThatLeavesFreesItsPlace() async throws {
        try await RouterClient.with { server in
            let reading = Watched(1)
            let slow = server.start(
                "/v1/completions", #"{"prompt":"let x","max_tokens":900,"ignore_eos":true,"stream":true}"#,
                reading: reading)
            var parts = slow.parts.makeAsyncIterator()
            _ = await parts.next()
            slow.leave()
            await server.server.service.admission.reaches { $0 == .none }
            #expect(await server.becomesIdle())
        }
    }

    /// A client that asks for much and reads nothing. The system's buffers take a part of the answer.
    @Test func aClientThatReadsNothingIsDisconnected() async throws {
        let clock = ManualClock()
        let service = LargeAnswer()
        let limits = ConnectionLimits(arrivalSeconds: 900, keepAliveSeconds: 86_400, clock: clock)
        let tracker = ConnectionTracker()
        let listener = try await Listener(
            host: "127.0.0.1", port: 0, service: service, limits: limits, tracker: tracker)
        let socket = try Socket(port: try #require(listener.port))
        try socket.write(Data("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        await service.isAsked.wait()
        let ticking = Task { await clock.tick(by: .seconds(900)) }
        await service.isCut.wait()
        ticking.cancel()
        await listener.close()
        await tracker.closeAll()
        #expect(service.isCut.value)
        withExtendedLifetime(socket) {}
    }

    /// Answers with more than the system's buffers can take.
    private final class LargeAnswer: HTTPService {
        let isAsked = Watched(false)
        let isCut = Watched(false)

        func serve(_ request: Request, on eventLoop: any EventLoop, writer: any ResponseWriter) async {
            isAsked.set()
            do {
                try await writer.send(
                    Response(status: .ok, body: .whole(ByteBuffer(repeating: 120, count: 128 << 20))))
            } catch {
                isCut.set()
            }
        }

        func refusal(_ error: APIError) -> Response { error.response }
    }
}
