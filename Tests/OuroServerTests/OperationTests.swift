import Foundation
import NIOCore
import Testing

@testable import Ouro
@testable import OuroServer

/// Keys, places and time limits. The clock stands still until a test moves it.
///
/// The limit of the suite only ends a test that waits for something that never happens.
@Suite(.timeLimit(.minutes(5))) struct OperationTests {
    @Test func aKeyIsAskedFor() async throws {
        try await RouterClient.with({ $0.apiKey = "secret" }) { server in
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
            let error = await #expect(throws: OuroError.self) { try await second.run(until: Shutdown()) }
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
        let error = await #expect(throws: OuroError.self) { try await server.run(until: Shutdown()) }
        #expect(error?.field == "host")
    }

    @Test func comparisonsGoThroughAllBytes() {
        #expect(Access.areEqual("abc".utf8, "abc".utf8))
        for other in ["", "ab", "abd", "abcd", "xbc"] {
            #expect(!Access.areEqual(other.utf8, "abc".utf8), "\(other)")
        }
    }

    @Test func otherOriginsAreNotServedUnlessAsked() async throws {
        try await RouterClient.with { server in
            let answer = try await server.get("/health")
            #expect(answer.headers["access-control-allow-origin"] == nil)
        }
        try await RouterClient.with({ $0.corsOrigin = "https://example.org" }) { server in
            let answer = try await server.send("OPTIONS", "/v1/completions", nil)
            #expect(answer.status == 204)
            #expect(answer.headers["access-control-allow-origin"] == "https://example.org")
        }
    }

    @Test(arguments: ["true", "false"]) func whoFindsNoPlaceIsToldToComeBack(stream: String) async throws {
        try await RouterClient.with({ ($0.maxRunning, $0.maxQueued) = (1, 1) }) { server in
            let admission = server.server.service.admission
            let body = "{\"prompt\":\"let \",\"max_tokens\":2,\"stream\":\(stream)}"
            let running = try admission.enter(samples: 1)
            let waiting = server.start("/v1/completions", body)
            await admission.reaches { $0.waiting == 1 }
            let refused = try await server.post("/v1/completions", body)
            #expect(refused.status == 429 && refused.headers["retry-after"] == "1")
            #expect((admission.counts.running, admission.counts.waiting) == (1, 1))
            running.leave()
            let answer = await waiting.answer()
            #expect(answer.status == 200)
            #expect(admission.counts == .none)
            #expect(await server.becomesIdle())
        }
    }

    // MARK: time

    private static let completion = #"{"prompt":"let ","max_tokens":2}"#

    @Test func whoWaitsTooLongForAPlaceIsTold() async throws {
        let clock = ManualClock()
        try await RouterClient.with({ ($0.maxRunning, $0.requestSeconds, $0.clock) = (1, 7, clock) }) { server in
            let admission = server.server.service.admission
            let running = try admission.enter(samples: 1)
            let waiting = server.start("/v1/completions", Self.completion)
            await clock.sleeps(for: .seconds(7))
            await admission.reaches { $0.running == 1 && $0.waiting == 1 }
            clock.advance(by: .seconds(6))
            #expect((admission.counts.running, admission.counts.waiting) == (1, 1), "a second is left")
            clock.advance(by: .seconds(1))
            let answer = await waiting.answer()
            #expect(answer.status == 504 && answer.headers["x-should-retry"] == "false", "\(answer)")
            #expect((admission.counts.running, admission.counts.waiting) == (1, 0))
            running.leave()
        }
    }

    @Test func aStreamThatTakesTooLongEndsWithAnError() async throws {
        let clock = ManualClock()
        try await RouterClient.with({ ($0.requestSeconds, $0.clock) = (7, clock) }) { server in
            let stream = server.start(
                "/v1/completions", #"{"prompt":"let ","max_tokens":2000,"ignore_eos":true,"n":16,"stream":true}"#)
            await clock.sleeps(for: .seconds(7))
            var parts = stream.parts.makeAsyncIterator()
            _ = await parts.next()
            clock.advance(by: .seconds(7))
            let lines = await stream.answer().body.components(separatedBy: "\n\n").filter { !$0.isEmpty }
            let last = try #require(lines.last)
            let error = try #require(try Answer.event(last)["error"] as? [String: Any])
            #expect(error["code"] as? String == "timeout")
            #expect(lines.count < 16 * 2000, "\(lines.count) events")
            #expect(server.server.service.admission.counts == .none)
            #expect(await server.becomesIdle())
        }
    }

    @Test func aStreamThatWaitsShowsThatItLives() async throws {
        let clock = ManualClock()
        try await RouterClient.with({ ($0.maxRunning, $0.clock) = (1, clock) }) { server in
            let running = try server.server.service.admission.enter(samples: 1)
            let stream = server.start(
                "/v1/completions", #"{"prompt":"let ","max_tokens":2,"stream":true}"#)
            var parts = stream.parts.makeAsyncIterator()
            for _ in 0..<3 {
                await clock.sleeps(for: .seconds(15))
                clock.advance(by: .seconds(15))
                #expect(await parts.next() == ": waiting\n\n")
            }
            running.leave()
            let events = try await stream.answer().events()
            #expect(events.count == 2)
        }
    }

    @Test func whoSendsHalfABodyIsTold() async throws {
        let clock = ManualClock()
        try await RouterClient.with({ ($0.arrivalSeconds, $0.clock) = (3, clock) }) { server in
            let body = IncomingBody()
            body.append(ByteBuffer(string: "{"))
            let request = server.start("POST", "/v1/completions", body)
            await clock.sleeps(for: .seconds(3))
            clock.advance(by: .seconds(3))
            let answer = await request.answer()
            #expect(answer.status == 408 && answer.headers["connection"] == "close")
            #expect(answer.body.contains("did not arrive in 3 seconds"))
        }
    }

    @Test(arguments: ["true", "false"]) func whoLeavesWhileItWaitsMakesRoom(stream: String) async throws {
        try await RouterClient.with({ $0.maxRunning = 1 }) { server in
            let admission = server.server.service.admission
            let running = try admission.enter(samples: 1)
            let waiting = server.start("/v1/completions", "{\"prompt\":\"let \",\"stream\":\(stream)}")
            await admission.reaches { $0.waiting == 1 }
            waiting.leave()
            await admission.reaches { $0.running == 1 && $0.waiting == 0 }
            running.leave()
            let next = try await server.post("/v1/completions", Self.completion)
            #expect(next.status == 200)
        }
    }

    // MARK: company

    @Test func manyStreamsSayWhatEachSaysAlone() async throws {
        try await RouterClient.with { server in
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
            #expect(await server.becomesIdle())
        }
    }
}
