import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// Keys, limits, clients that go away.
@Suite struct OperationTests {
    @Test func aKeyIsAskedFor() async throws {
        try await TestServer.with({ $0.apiKey = "secret" }) { server in
            let body = #"{"prompt":"x","max_tokens":1}"#
            for header in [nil, "Bearer ", "Bearer wrong", "Bearer secret2", "secret"] as [String?] {
                let answer = try await server.post(
                    "/v1/completions", body, headers: header.map { ["Authorization": $0] } ?? [:])
                #expect(answer.status == 401, "\(header ?? "no header")")
                #expect(answer.headers["www-authenticate"] == "Bearer")
            }
            let answer = try await server.post("/v1/completions", body, headers: ["Authorization": "Bearer secret"])
            #expect(answer.status == 200)
            #expect(try await server.get("/health").status == 200)
            #expect(try await server.get("/metrics").status == 401)
        }
    }

    @Test func publicAddressesNeedAKey() throws {
        var options = ServerOptions()
        options.host = "0.0.0.0"
        #expect(throws: OuroError.self) { try options.validate() }
        options.apiKey = ""
        #expect(throws: OuroError.self) { try options.validate() }
        options.apiKey = "k"
        try options.validate()
        (options.apiKey, options.isInsecure) = (nil, true)
        try options.validate()
        options.port = 70_000
        #expect(throws: OuroError.self) { try options.validate() }
    }

    @Test func addressesOfThisMachineOnlyNeedNoKey() throws {
        var options = ServerOptions()
        for host in ["127.0.0.1", "127.0.0.2", "::1", "localhost"] {
            options.host = host
            try options.validate()
            try options.checkHost()
        }
    }

    @Test(arguments: [true, false])
    func aHostThatDoesNotExistIsNamed(isInsecure: Bool) throws {
        var options = ServerOptions()
        (options.host, options.isInsecure) = ("nobody.invalid", isInsecure)
        try options.validate()
        let error = #expect(throws: OuroError.self) { try options.checkHost() }
        #expect(error?.field == "host")
        #expect(error?.message.contains("no such host: 'nobody.invalid'") == true)
    }

    /// A second server on the port of the first; the port is the first's.
    @Test func aTakenPortIsNamed() async throws {
        try await TestServer.with { first in
            var options = ServerOptions()
            options.port = first.port
            let second = try Server(engine: first.engine, modelName: "code_lm", options: options)
            let error = await #expect(throws: OuroError.self) { try await second.run(takesSignals: false) }
            #expect(error?.field == "port")
            #expect(error?.message.contains("port \(first.port) of 127.0.0.1") == true)
        }
    }

    /// 192.0.2.1 is nobody's address: it is kept for documents (RFC 5737).
    @Test func anAddressOfAnotherMachineIsNamed() async throws {
        var options = ServerOptions()
        (options.host, options.port, options.isInsecure) = ("192.0.2.1", 0, true)
        let engine = try Engine(modelAt: TestServer.model, options: EngineOptions(threads: 1))
        let server = try Server(engine: engine, modelName: "code_lm", options: options)
        let error = await #expect(throws: OuroError.self) { try await server.run(takesSignals: false) }
        #expect(error?.field == "host")
    }

    @Test func comparisonsGoThroughAllBytes() {
        #expect(RequestGuard.areEqual("abc".utf8, "abc".utf8))
        for other in ["", "ab", "abd", "abcd", "xbc"] {
            #expect(!RequestGuard.areEqual(other.utf8, "abc".utf8), "\(other)")
        }
    }

    @Test func otherOriginsAreNotServedUnlessAsked() async throws {
        try await TestServer.with { server in
            let answer = try await server.get("/health")
            #expect(answer.headers["access-control-allow-origin"] == nil)
        }
        try await TestServer.with({ $0.corsOrigin = "https://example.org" }) { server in
            let answer = try await server.send("OPTIONS", "/v1/completions", nil)
            #expect(answer.status == 204)
            #expect(answer.headers["access-control-allow-origin"] == "https://example.org")
        }
    }

    @Test func whoFindsNoPlaceIsToldToComeBack() async throws {
        try await TestServer.with({ ($0.maxRunning, $0.maxQueued) = (1, 1) }) { server in
            let body = #"{"prompt":"let ","max_tokens":300,"ignore_eos":true}"#
            let statuses = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let answer = try await server.post("/v1/completions", body)
                        return (answer.status, answer.headers["retry-after"])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0.0 == 200 }.count >= 2, "\(statuses)")
            #expect(statuses.contains { $0.0 == 429 && $0.1 == "1" }, "\(statuses)")
            #expect(statuses.allSatisfy { [200, 429].contains($0.0) })
            #expect(try await server.becomesIdle())
        }
    }

    /// A request on a connection that stays open.
    private static func completion(tokens: Int, stream: String) -> Data {
        let body = "{\"prompt\":\"let \",\"max_tokens\":\(tokens),\"ignore_eos\":true,\"stream\":\(stream)}"
        let head = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        return Data((head + body).utf8)
    }

    @Test(arguments: ["true", "false"]) func workStopsWhenTheClientIsGone(stream: String) async throws {
        try await TestServer.with { server in
            let port = server.port
            try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
                Thread.detachNewThread {
                    done.resume(
                        with: Result {
                            let socket = try Socket(port: port)
                            try socket.write(Self.completion(tokens: 2000, stream: stream))
                            // Long enough to be at work.
                            guard stream == "true" else { return Thread.sleep(forTimeInterval: 0.1) }
                            var answer = Data()
                            while answer.range(of: Data("data:".utf8)) == nil { answer += try socket.read() }
                        })
                }
            }
            let start = ContinuousClock.now
            #expect(try await server.becomesIdle())
            #expect(ContinuousClock.now - start < .seconds(3))
            #expect(server.engine.load.liveRequests == 0)
        }
    }

    @Test func connectionsStayOpenForTheNextRequest() async throws {
        try await TestServer.with { server in
            let port = server.port
            let endings = ["\"finish_reason\":\"length\"", "0\r\n\r\n", "\"finish_reason\":\"length\""]
            let answers = try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result {
                            let socket = try Socket(port: port)
                            return try zip(["false", "true", "false"], endings).map { stream, ending in
                                try socket.write(Self.completion(tokens: 3, stream: stream))
                                var answer = Data()
                                while answer.range(of: Data(ending.utf8)) == nil {
                                    let part = try socket.read()
                                    if part.isEmpty { break }
                                    answer += part
                                }
                                // A server that closes after its answer does so a moment later.
                                Thread.sleep(forTimeInterval: 0.1)
                                return String(decoding: answer, as: UTF8.self)
                            }
                        })
                }
            }
            for (answer, ending) in zip(answers, endings) {
                #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
                #expect(answer.contains(ending))
            }
        }
    }

    @Test func whoLeavesTheQueueMakesRoom() async throws {
        let admission = Admission(limit: 2, queueLimit: 2)
        let first = try admission.enter(2)
        try await first.wait()
        let second = try admission.enter(1)
        let third = try admission.enter(1)
        #expect(throws: APIError.self) { _ = try admission.enter(1) }
        second.leave()
        #expect(admission.counts == (2, 1))
        let waiting = Task { try await third.wait() }
        first.leave()
        first.leave()
        try await waiting.value
        #expect(admission.counts == (1, 0))
        let fourth = try admission.enter(2)
        let cancelled = Task { try await fourth.wait() }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        fourth.leave()
        third.leave()
        #expect(admission.counts == (0, 0))
    }

    @Test func aServerThatEndsFinishesWhatRuns() async throws {
        try await TestServer.with({ $0.drainSeconds = 300 }) { server in
            let body = #"{"prompt":"let ","max_tokens":600,"ignore_eos":true,"stream":true}"#
            let running = Task { try await server.post("/v1/completions", body) }
            while server.engine.load.liveRequests == 0 { try await Task.sleep(for: .milliseconds(5)) }
            await server.group.triggerGracefulShutdown()
            var health = 200
            while health == 200, server.engine.load.liveRequests > 0 {
                health = try await server.get("/health").status
            }
            let refused = try? await server.post("/v1/completions", #"{"prompt":"x","max_tokens":1}"#)
            #expect(health == 503)
            #expect(refused == nil || refused?.status == 503, "nothing new begins")
            let events = try await running.value.events()
            #expect(events.count >= 600, "\(events.count) events")
            _ = await server.ended()
            await #expect(throws: (any Error).self, "nobody listens any more") { try await server.get("/health") }
        }
    }

    @Test func aServerThatEndsCutsWhatTakesTooLong() async throws {
        try await TestServer.with({ ($0.drainSeconds, $0.maxRunning) = (1, 1) }) { server in
            let body = #"{"prompt":"let ","max_tokens":2000,"ignore_eos":true,"wavefront":false}"#
            let head = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            let held = try (0..<6).map { _ in
                let socket = try Socket(port: server.port)
                try socket.write(Data((head + body).utf8))
                return socket
            }
            while server.engine.load.liveRequests == 0 { try await Task.sleep(for: .milliseconds(5)) }
            let start = ContinuousClock.now
            await server.group.triggerGracefulShutdown()
            _ = await server.ended()
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(try await server.becomesIdle() && held.count == 6)
        }
    }

    @Test func longRequestsEnd() async throws {
        try await TestServer.with({ $0.requestSeconds = 1 }) { server in
            let answer = try await server.post(
                "/v1/completions",
                #"{"prompt":"let ","max_tokens":2000,"ignore_eos":true,"n":16,"wavefront":false}"#)
            #expect(answer.status == 408 || answer.status == 200)
            #expect(try await server.becomesIdle())
        }
    }

    @Test func whoSendsHalfABodyIsTold() async throws {
        try await TestServer.with({ $0.arrivalSeconds = 1 }) { server in
            let port = server.port
            let answer = try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result {
                            let socket = try Socket(port: port)
                            try socket.write(
                                Data("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{".utf8))
                            return String(decoding: try socket.readAll(), as: UTF8.self)
                        })
                }
            }
            // A machine that is too busy to say so in time only closes the connection.
            guard !answer.isEmpty else { return }
            #expect(answer.hasPrefix("HTTP/1.1 408"))
            #expect(answer.contains("did not arrive in 1 seconds"))
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
                let answer = try? await server.raw(Data(bytes.utf8))
                #expect((answer?.status ?? 400) >= 400)
            }
            let answer = try await server.post("/v1/completions", #"{"prompt":"let ","max_tokens":3}"#)
            #expect(answer.status == 200 && held.count == 8)
        }
    }

    @Test func manyStreamsSayWhatEachSaysAlone() async throws {
        try await TestServer.with { server in
            func ask(_ seed: Int) async throws -> String {
                let body =
                    "{\"prompt\":\"public func \",\"max_tokens\":30,\"temperature\":1,\"seed\":\(seed),\"stream\":true}"
                return try await server.post("/v1/completions", body).events()
                    .compactMap { ($0["choices"] as? [[String: Any]])?.first?["text"] as? String }.joined()
            }
            let together = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for seed in 0..<24 { group.addTask { (seed, try await ask(seed)) } }
                return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
            }
            for seed in [0, 5, 11, 23] { #expect(together[seed] == (try await ask(seed)), "seed \(seed)") }
            #expect(try await server.becomesIdle())
        }
    }
}
