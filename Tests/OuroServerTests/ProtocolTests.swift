import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// HTTP as clients of all kinds speak it.
@Suite(.timeLimit(.minutes(5))) struct ProtocolTests {
    private static func request(
        _ body: String, version: String = "1.1", headers: String = "", line: String = "POST /v1/completions"
    ) -> Data {
        Data(
            ("\(line) HTTP/\(version)\r\nHost: localhost\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n"
                + body).utf8)
    }

    private static let body = #"{"prompt":"let ","max_tokens":3}"#
    private static let streamed = #"{"prompt":"let ","max_tokens":3,"stream":true}"#

    @Test func oldClientsGetAnswersWithoutChunks() async throws {
        try await TestServer.with { server in
            let whole = try await server.raw(Self.request(Self.body, version: "1.0"))
            #expect(whole.status == 200 && whole.headers["connection"] == "close")
            #expect(whole.headers["transfer-encoding"] == nil)
            let stream = try await server.raw(Self.request(Self.streamed, version: "1.0"))
            #expect(stream.headers["transfer-encoding"] == nil && stream.headers["content-length"] == nil)
            #expect(try stream.events().count == 3)
            let kept = try await server.withSocket { socket in
                let request = Self.request(Self.body, version: "1.0", headers: "Connection: keep-alive\r\n")
                try socket.write(request)
                let first = try socket.read(until: "}\n")
                try socket.write(request)
                return try [first, socket.read(until: "}\n")]
            }
            for answer in kept { #expect(answer.lowercased().contains("connection: keep-alive")) }
        }
    }

    @Test func whoWaitsForAGoAheadGetsIt() async throws {
        try await TestServer.with { server in
            let answer = try await server.withSocket { socket in
                let parts = Self.request(Self.body, headers: "Expect: 100-continue\r\nConnection: close\r\n")
                try socket.write(parts.dropLast(Self.body.utf8.count))
                let first = try socket.read(until: "\r\n\r\n")
                guard first == "HTTP/1.1 100 Continue\r\n\r\n" else { return first }
                try socket.write(Data(Self.body.utf8))
                return String(decoding: try socket.readAll(), as: UTF8.self)
            }
            #expect(answer.hasPrefix("HTTP/1.1 200 OK"), "\(answer)")
            // A refusal comes instead of the go-ahead.
            let refused = try await server.raw(
                Data("POST /nope HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n".utf8)
            )
            #expect(refused.status == 404)
        }
    }

    @Test(arguments: [body, streamed]) func whoClosesItsSideStillGetsItsAnswer(body: String) async throws {
        try await TestServer.with { server in
            let text = try await server.withSocket { socket in
                try socket.write(Self.request(body))
                socket.finishWriting()
                return String(decoding: try socket.readAll(), as: UTF8.self)
            }
            #expect(text.contains("HTTP/1.1 200 OK"), "\(text)")
            #expect(text.contains("\"finish_reason\":\"length\""))
        }
    }

    @Test(arguments: [
        ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
        ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", 400),
        ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n", 400),
        ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n{}", 417),
        ("GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        ("GET /health HTTP/1.1\r\n\r\n", 400),
        ("GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        ("BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET /health HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 70_000))\r\n\r\n", 431),
        (
            "GET /health HTTP/1.1\r\nHost: localhost\r\n\((0..<201).map { "X\($0): 1\r\n" }.joined())\r\n", 431
        ),
    ]) func faultsOfClientsAreNamedAndNoErrorsOfTheServer(request: String, status: Int) async throws {
        let (logger, lines) = RecordingLog.make()
        try await TestServer.with({ _ in }, logger: logger) { server in
            let answer = try await server.raw(Data(request.utf8))
            #expect(answer.status == status)
            let error = try #require(try answer.json()["error"] as? [String: Any])
            #expect(error["type"] as? String == "invalid_request_error")
            #expect(answer.headers["connection"] == "close" && answer.headers["x-request-id"] != nil)
            await lines.reaches { !$0.isEmpty }
            #expect(lines.value.allSatisfy { $0.level == .info })
        }
    }

    @Test func whoLeavesInTheMiddleOfABodyIsNoErrorOfTheServer() async throws {
        let (logger, lines) = RecordingLog.make()
        try await TestServer.with({ _ in }, logger: logger) { server in
            try await server.withSocket { socket in
                try socket.write(Self.request(Self.body).dropLast(5))
            }
            await lines.reaches { !$0.isEmpty }
            let line = try #require(lines.value.first)
            #expect(line.level == .info && ["400", "499"].contains(line.metadata["status"] ?? ""), "\(line)")
        }
    }

    @Test func aLogLineTellsWhatAStreamWas() async throws {
        let (logger, lines) = RecordingLog.make()
        try await RouterClient.with({ _ in }, logger: logger) { server in
            let answer = try await server.post("/v1/completions", Self.streamed, headers: ["x-request-id": "mine-1"])
            #expect(answer.headers["x-request-id"] == "mine-1")
            let line = try #require(lines.value.first)
            #expect(lines.value.count == 1)
            for (key, value) in [
                "method": "POST", "path": "/v1/completions", "status": "200", "id": "mine-1", "prompt_tokens": "4",
                "completion_tokens": "3",
            ] {
                #expect(line.metadata[key] == value, "\(key)")
            }
            #expect(Int(line.metadata["ms"] ?? "") != nil && Int(line.metadata["first_token_ms"] ?? "") != nil)
            _ = try await server.get("/nope/\u{1b}[31m")
            #expect(lines.value.last?.metadata["path"] == "/nope/?[31m")
        }
    }

    @Test func namesOfRequestsAreChecked() async throws {
        try await RouterClient.with { server in
            for name in ["", String(repeating: "x", count: 129), "a b", "é"] {
                let answer = try await server.get("/health", headers: ["x-request-id": name])
                #expect(answer.headers["x-request-id"]?.hasPrefix("req-") == true, "\(name)")
            }
            let longest = String(repeating: "x", count: 128)
            let answer = try await server.get("/health", headers: ["x-request-id": longest])
            #expect(answer.headers["x-request-id"] == longest)
        }
    }

    @Test(arguments: ["true", "false"]) func abortedRequestsAreCounted(stream: String) async throws {
        try await RouterClient.with { server in
            let admission = server.server.service.admission
            let request = server.start(
                "/v1/completions",
                "{\"prompt\":\"let \",\"max_tokens\":2000,\"ignore_eos\":true,\"n\":3,\"stream\":\(stream)}")
            await admission.reaches { $0.running == 3 }
            request.leave()
            _ = await request.answer()
            await admission.reaches { $0 == .none }
            let page = try await server.get("/metrics").body
            #expect(page.contains("ouro_request_success_total{model_name=\"code_lm\",finished_reason=\"abort\"} 3\n"))
            #expect(page.contains("ouro_e2e_request_latency_seconds_count{model_name=\"code_lm\"} 0\n"))
        }
    }

    @Test func metricsOfRequestsHaveTheirSizesAndTimes() async throws {
        try await RouterClient.with { server in
            _ = try await server.post("/v1/completions", Self.body)
            let page = try await server.get("/metrics").body
            let label = "{model_name=\"code_lm\"}"
            for line in [
                "ouro_request_prompt_tokens_sum\(label) 4.0", "ouro_request_generation_tokens_sum\(label) 3.0",
                "ouro_request_prefill_time_seconds_count\(label) 1", "ouro_request_decode_time_seconds_count\(label) 1",
                "ouro_build_info{model_name=\"code_lm\",version=\"\(PackageVersion.current)\"} 1.0",
            ] {
                #expect(page.contains(line + "\n"), "\(line)")
            }
            for name in ["resident_memory_bytes", "cpu_seconds_total", "start_time_seconds"] {
                #expect(page.contains("\nprocess_\(name) ") && page.contains("# TYPE process_\(name) "), "\(name)")
            }
        }
    }

    @Test func contextErrorsHaveTheWordsThatClientsLookFor() async throws {
        try await RouterClient.with { server in
            let context = server.engine.configuration.contextLength
            let prompt = String(repeating: "x", count: context + 5)
            let answer = try await server.post("/v1/completions", "{\"prompt\":\"\(prompt)\"}")
            #expect(
                answer.body.contains(
                    "This model's maximum context length is \(context) tokens. However, your request has \(context + 5) "
                        + "tokens."))
        }
    }

    @Test func memoryIsGivenBackAfterLargeRequests() async throws {
        let trims = Watched(0)
        let trimmer = MemoryTrimmer { trims.update { $0 += 1 } }
        for _ in 0..<MemoryTrimmer.manyRequests - 1 { trimmer.requestEnded(bodyBytes: 100) }
        #expect(trims.value == 0)
        trimmer.requestEnded(bodyBytes: 100)
        await trims.reaches { $0 == 1 }
        trimmer.requestEnded(bodyBytes: MemoryTrimmer.largeBody)
        await trims.reaches { $0 == 2 }
        #expect(trims.value == 2)
    }
}
