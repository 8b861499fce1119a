import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// Tests which requests are refused, and that no request crashes the server.
@Suite struct BadRequestTests {
    static let faults: [(fields: String, parameter: String)] = [
        (#""prompt":5"#, "prompt"), (#""prompt":[]"#, "prompt"), (#""prompt":"""#, "prompt"),
        (#""prompt":[99999]"#, "prompt"), (#""prompt":["a",5]"#, "prompt"), (#""max_tokens":-1"#, "max_tokens"),
        (#""max_tokens":0"#, "max_tokens"), (#""max_tokens":1e30"#, "max_tokens"), (#""max_tokens":"5""#, "max_tokens"),
        (#""temperature":-1"#, "temperature"), (#""temperature":2.1"#, "temperature"),
        (#""logit_bias":{"1":-101}"#, "logit_bias.1"), (#""exit_threshold":1001"#, "exit_threshold"),
        (#""exit_at":65"#, "exit_at"), (#""n":129"#, "n"), (#""repetition_penalty":101"#, "repetition_penalty"),
        (#""temperature":"hot""#, "temperature"), (#""top_p":2"#, "top_p"),
        (#""top_k":-2"#, "top_k"), (#""min_p":1.5"#, "min_p"), (#""n":0"#, "n"), (#""n":1000000"#, "n"),
        (#""presence_penalty":3"#, "presence_penalty"), (#""frequency_penalty":-3"#, "frequency_penalty"),
        (#""repetition_penalty":0"#, "repetition_penalty"), (#""logit_bias":{"x":1}"#, "logit_bias"),
        (#""logit_bias":{"1":200}"#, "logit_bias.1"), (#""logit_bias":[1]"#, "logit_bias"), (#""seed":1.5"#, "seed"),
        (#""stop":[1]"#, "stop[0]"), (#""stop":"""#, "stop"), (#""stop_token_ids":[300]"#, "stop_token_ids[0]"),
        (#""logit_bias":{"7":1,"07":2}"#, "logit_bias"),
        (#""stream":"yes""#, "stream"), (#""stream":true,"max_tokens":0,"echo":true"#, "stream"),
        (#""logprobs":21"#, "logprobs"), (#""logprobs":true"#, "logprobs"), (#""loops":0"#, "loops"),
        (#""loops":65"#, "loops"), (#""exit_at":0"#, "exit_at"), (#""exit_at":1,"exit_threshold":0.5"#, "exit_at"),
        (#""exit_threshold":-1"#, "exit_threshold"), (#""kv_policy":"none""#, "kv_policy"),
        (#""best_of":4"#, "best_of"),
        (#""suffix":"x""#, "suffix"), (#""tools":[{}]"#, "tools"), (#""model":5"#, "model"),
        (#""guided_json":5"#, "guided_json"), (#""prompt_logprobs":21"#, "prompt_logprobs"),
        (#""prompt_logprobs":1,"stream":true"#, "prompt_logprobs"), (#""guided_regex":"a(""#, "guided_regex"),
        (#""guided_choice":[]"#, "guided_choice"), (#""guided_choice":[1]"#, "guided_choice"),
        (#""guided_json":{},"guided_choice":["a"]"#, "guided_choice"),
        (#""truncate_prompt_tokens":0"#, "truncate_prompt_tokens"), (#""tool_choice":"required""#, "tool_choice"),
        (#""min_tokens":-1"#, "min_tokens"), (#""max_tokens":4,"min_tokens":5"#, "min_tokens"),
        (#""draft_tokens":65"#, "draft_tokens"), (#""response_format":{"type":"xml"}"#, "response_format.type"),
        (#""response_format":{"type":"json_schema"}"#, "response_format.json_schema.schema"),
        (
            #""response_format":{"type":"json_schema","json_schema":{"schema":{"type":"string","not":{"const":"a"}}}}"#,
            "response_format"
        ),
    ]

    @Test func everyFaultNamesItsField() async throws {
        try await RouterClient.with { server in
            for (fields, parameter) in Self.faults {
                let prompt = fields.contains("\"prompt\"") ? "" : "\"prompt\":\"x\","
                let answer = try await server.post("/v1/completions", "{\(prompt)\(fields)}")
                #expect(answer.status == 400, "\(fields) gives \(answer.status): \(answer.body)")
                let error = try #require(try answer.json()["error"] as? [String: Any])
                #expect(error["type"] as? String == "invalid_request_error")
                #expect(error["param"] as? String == parameter, "\(fields): \(error)")
                #expect((error["message"] as? String)?.isEmpty == false)
            }
            for messages in [
                "[]", "5", "[5]", #"[{"content":"x"}]"#, #"[{"role":"user","content":[{"type":"image"}]}]"#,
            ] {
                let answer = try await server.post("/v1/chat/completions", "{\"messages\":\(messages)}")
                #expect(answer.status == 400, "\(messages): \(answer.body)")
            }
        }
    }

    /// Tests the limits that OpenAI's API documents, and the limits of the engine's own parameters.
    @Test func theLimitsThemselvesAreAllowed() async throws {
        try await TestServer.with { server in
            for fields in [
                #""temperature":0"#, #""temperature":2"#, #""top_p":1"#, #""presence_penalty":2,"frequency_penalty":2"#,
                #""presence_penalty":-2,"frequency_penalty":-2"#, #""logit_bias":{"1":100,"2":-100}"#,
                #""logprobs":20"#,
                #""repetition_penalty":0.01"#, #""repetition_penalty":100"#, #""min_p":1"#, #""top_k":-1"#,
                #""loops":64"#, #""exit_at":64"#, #""exit_threshold":1000"#, #""draft_tokens":64"#,
                #""stop":["a","b","c","d"]"#,
            ] {
                let answer = try await server.post("/v1/completions", "{\"prompt\":\"x\",\"max_tokens\":1,\(fields)}")
                #expect(answer.status == 200, "\(fields) gives \(answer.status): \(answer.body)")
            }
        }
    }

    @Test func bodiesThatAreNoObjectsAreRefused() async throws {
        try await RouterClient.with({ $0.maxBodyBytes = 4096 }) { server in
            let deep = String(repeating: "[", count: 2000)
            for body in ["", "[]", "null", "{", #"{"prompt":"a","prompt":"b"}"#, "{\"prompt\":\(deep)", "\u{FEFF}{}"] {
                let answer = try await server.post("/v1/completions", body)
                #expect(answer.status == 400, "\(body.prefix(20)): \(answer.status)")
            }
            let large = try await server.post(
                "/v1/completions", "{\"prompt\":\"\(String(repeating: "x", count: 8000))\"}")
            #expect(large.status == 413)
            #expect(try await server.get("/v1/completions").status == 405)
        }
    }

    @Test func promptsBeyondTheContextAreRefused() async throws {
        try await RouterClient.with { server in
            let prompt = String(repeating: "x", count: 3000)
            for stream in ["true", "false"] {
                let answer = try await server.post(
                    "/v1/completions", "{\"prompt\":\"\(prompt)\",\"stream\":\(stream)}")
                let error = try #require(try answer.json()["error"] as? [String: Any])
                #expect(answer.status == 400 && error["code"] as? String == "context_length_exceeded", "\(stream)")
            }
        }
    }

    /// Damages valid requests at random. The server must answer each of them and keep running.
    @Test func damagedRequestsAreAnswered() async throws {
        let good = Array(
            #"{"prompt":"let x","max_tokens":2,"temperature":0.5,"logit_bias":{"65":-1},"stop":["a"],"n":1,"seed":3}"#
                .utf8)
        try await RouterClient.with { server in
            var state: UInt64 = 11
            func next(_ count: Int) -> Int {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(state >> 33) % count
            }
            for _ in 0..<150 {
                var body = good
                for _ in 0...next(4) {
                    switch next(3) {
                    case 0: body[next(body.count)] = UInt8(next(256))
                    case 1: body.remove(at: next(body.count))
                    default: body.insert(contentsOf: body[next(body.count)...].prefix(8), at: next(body.count))
                    }
                }
                let answer = try await server.send("POST", "/v1/completions", Data(body))
                #expect(
                    [200, 400].contains(answer.status), "\(String(decoding: body, as: UTF8.self)): \(answer.status)")
            }
            #expect(try await server.get("/health").status == 200)
            #expect(await server.becomesIdle())
        }
    }
}
