import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// What the endpoints answer.
@Suite struct EndpointTests {
    private static func choices(_ object: [String: Any]) throws -> [[String: Any]] {
        try #require(object["choices"] as? [[String: Any]])
    }

    @Test func completionsHaveTheShapeThatClientsKnow() async throws {
        try await RouterClient.with { server in
            let answer = try await server.post(
                "/v1/completions", #"{"prompt":"public func ","max_tokens":8,"temperature":0,"unknown":[1]}"#)
            #expect(answer.status == 200 && answer.headers["content-type"] == "application/json")
            let object = try answer.json()
            #expect(Set(object.keys) == ["id", "object", "created", "model", "choices", "usage"])
            #expect(object["object"] as? String == "text_completion" && object["model"] as? String == "code_lm")
            let choice = try #require(try Self.choices(object).first)
            #expect(choice["text"] as? String == "_storage" && choice["finish_reason"] as? String == "length")
            #expect(choice["logprobs"] is NSNull && choice["index"] as? Int == 0)
            let usage = try #require(object["usage"] as? [String: Any])
            #expect(usage["prompt_tokens"] as? Int == 12 && usage["completion_tokens"] as? Int == 8)
            let loops = try #require(usage["loops"] as? [String: Any])
            #expect(loops["mean_exit_loop"] as? Double == 4 && loops["exit_loops"] as? [Int] == [0, 0, 0, 8])
        }
    }

    @Test func everyKindOfPromptGivesTheSameText() async throws {
        try await RouterClient.with { server in
            let ids = try #require(server.engine.tokenizer).encode("let x").map(String.init).joined(separator: ",")
            var texts: [String] = []
            for prompt in [#""let x""#, "[\(ids)]", #"["let x"]"#, "[[\(ids)]]"] {
                let answer = try await server.post(
                    "/v1/completions", "{\"prompt\":\(prompt),\"max_tokens\":6,\"temperature\":0}")
                texts += try Self.choices(answer.json()).compactMap { $0["text"] as? String }
            }
            #expect(texts.count == 4 && Set(texts).count == 1, "\(texts)")
        }
    }

    @Test func severalPromptsAndSamplesKeepTheirPlaces() async throws {
        try await RouterClient.with { server in
            let body = #"{"prompt":["let ","var "],"n":2,"max_tokens":5,"temperature":1,"seed":7}"#
            let together = try Self.choices(try await server.post("/v1/completions", body).json())
            #expect(together.compactMap { $0["index"] as? Int } == [0, 1, 2, 3])
            let alone = try Self.choices(
                try await server.post(
                    "/v1/completions", #"{"prompt":"var ","n":2,"max_tokens":5,"temperature":1,"seed":7}"#
                ).json())
            #expect(
                together[2...].map { $0["text"] as? String } == alone.map { $0["text"] as? String },
                "company changes nothing")
            #expect(together[0]["text"] as? String != together[1]["text"] as? String, "samples differ")
        }
    }

    @Test func streamsAreTheWholeAnswerInParts() async throws {
        try await RouterClient.with { server in
            let body = #""prompt":"public ","max_tokens":12,"temperature":0.8,"seed":3,"#
            let whole = try await server.post("/v1/completions", "{\(body)\"stream\":false}").json()
            let stream = try await server.post(
                "/v1/completions", "{\(body)\"stream\":true,\"stream_options\":{\"include_usage\":true}}")
            #expect(stream.headers["content-type"] == "text/event-stream")
            let events = try stream.events()
            let text = try events.flatMap { try Self.choices($0) }.compactMap { $0["text"] as? String }.joined()
            #expect(text == (try Self.choices(whole).first?["text"] as? String))
            #expect(events.last?["usage"] is [String: Any] && events.dropLast().allSatisfy { $0["usage"] == nil })
            let reasons = try events.flatMap { try Self.choices($0) }.map { $0["finish_reason"] as? String }
            #expect(reasons.last == "length" && reasons.dropLast().allSatisfy { $0 == nil })
        }
    }

    @Test func echoScoresThePromptAsTheEngineDoes() async throws {
        try await RouterClient.with { server in
            let answer = try await server.post(
                "/v1/completions",
                #"{"prompt":[[108,101,116,32]],"max_tokens":1,"logprobs":1,"echo":true,"temperature":0}"#)
            let choice = try #require(try Self.choices(answer.json()).first)
            let logprobs = try #require(choice["logprobs"] as? [String: Any])
            let values = try #require(logprobs["token_logprobs"] as? [Any])
            let scores = try await server.engine.score(.tokens([108, 101, 116, 32]))
            #expect(values.count == 5 && values[0] is NSNull)
            for (index, score) in scores.enumerated().dropFirst() {
                let expected = try #require(score.logProbabilities?.last)
                #expect(Float((values[index] as? Double) ?? 0) == expected, "position \(index)")
            }
            // The check that harnesses make for a greedy choice.
            let maps = try #require(logprobs["top_logprobs"] as? [Any])
            let last = try #require(maps.last as? [String: Double])
            #expect(last.values.max() == values.last as? Double)
            #expect((choice["text"] as? String)?.hasPrefix("let ") == true)
            let none = try await server.post(
                "/v1/completions", #"{"prompt":"let ","max_tokens":0,"logprobs":1,"echo":true}"#)
            #expect(try Self.choices(none.json()).first?["text"] as? String == "let ")
        }
    }

    @Test func chatsAnswerAsTheAssistant() async throws {
        try await RouterClient.with { server in
            let body =
                #"{"messages":[{"role":"user","content":[{"type":"text","text":"let "}]}],"max_completion_tokens":4,"#
                + #""logprobs":true,"top_logprobs":2,"temperature":0"#
            let object = try await server.post("/v1/chat/completions", body + "}").json()
            #expect(object["object"] as? String == "chat.completion")
            let choice = try #require(try Self.choices(object).first)
            let message = try #require(choice["message"] as? [String: Any])
            #expect(message["role"] as? String == "assistant" && (message["content"] as? String)?.isEmpty == false)
            let content = try #require((choice["logprobs"] as? [String: Any])?["content"] as? [[String: Any]])
            #expect(content.count == 4 && (content[0]["top_logprobs"] as? [Any])?.count == 2)
            let events = try await server.post("/v1/chat/completions", body + ",\"stream\":true}").events()
            let deltas = try events.flatMap { try Self.choices($0) }.compactMap { $0["delta"] as? [String: Any] }
            #expect(deltas.first?["role"] as? String == "assistant")
            #expect(deltas.compactMap { $0["content"] as? String }.joined() == message["content"] as? String)
        }
    }

    @Test func depthIsAParameterAndIsReported() async throws {
        try await RouterClient.with { server in
            for (field, loops) in [("\"exit_at\":2", 2), ("\"loops\":3", 3), ("\"exit_threshold\":0", 1)] {
                let answer = try await server.post(
                    "/v1/completions",
                    "{\"prompt\":\"let \",\"max_tokens\":4,\"loop_details\":true,\"temperature\":0,\(field)}")
                let choice = try #require(try Self.choices(answer.json()).first)
                let details = try #require(choice["loops"] as? [[String: Any]])
                #expect(details.compactMap { $0["exit_loop"] as? Int } == Array(repeating: loops, count: 4), "\(field)")
                #expect(((details[0]["exit_distribution"] as? [Double])?.count ?? 0) >= loops)
            }
        }
    }

    @Test func stopsAndBiasesAndMinimumsAreFollowed() async throws {
        try await RouterClient.with { server in
            func text(_ fields: String) async throws -> [String] {
                let answer = try await server.post(
                    "/v1/completions", "{\"prompt\":\"public func \",\"temperature\":0,\"max_tokens\":8,\(fields)}")
                let choice = try #require(try Self.choices(answer.json()).first, "\(answer)")
                return ["text", "finish_reason"].map { choice[$0] as? String ?? "" }
            }
            let one = try await text(#""stop":"age""#)
            #expect(one == ["_stor", "stop"])
            let two = try await text(#""stop":["zz","or"]"#)
            #expect(two == ["_st", "stop"])
            let token = try await text(#""stop_token_ids":[114]"#)
            #expect(token[1] == "stop")
            let minimum = try await text(#""stop_token_ids":[115],"min_tokens":8"#)
            #expect(minimum[1] == "length")
            // "func " alone.
            let answer = try await server.post(
                "/v1/completions", #"{"prompt":"public func ","max_tokens":1,"truncate_prompt_tokens":5,"echo":true}"#)
            #expect(try #require(try Self.choices(answer.json()).first?["text"] as? String).hasPrefix("func "))
            let biased = try await text(#""logit_bias":{"95":-100}"#)
            #expect(!biased[0].hasPrefix("_"))
        }
    }

    @Test func jsonFollowsItsSchema() async throws {
        let schema =
            #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"enum":["x","yy"]},"#
            + #""c":{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2}},"required":["a","b","c"]}"#
        try await RouterClient.with { server in
            var ended = 0
            for seed in 0..<6 {
                let answer = try await server.post(
                    "/v1/completions",
                    "{\"prompt\":\"x\",\"max_tokens\":120,\"temperature\":1.5,\"seed\":\(seed),\"response_format\":"
                        + "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":\(schema)}}}")
                let choice = try #require(try Self.choices(answer.json()).first, "\(answer)")
                let text = (choice["text"] as? String ?? "").filter { $0 != "\0" }
                // A text that is cut is no JSON.
                guard choice["finish_reason"] as? String == "stop" else { continue }
                ended += 1
                let value = try #require(
                    try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
                #expect(value["a"] is NSNumber && ["x", "yy"].contains(value["b"] as? String ?? ""), "\(text)")
                #expect([1, 2].contains((value["c"] as? [Bool])?.count ?? 0), "\(text)")
            }
            #expect(ended > 0, "some text ends")
        }
    }

    @Test func aSchemaEndsATextBeforeItsMinimum() async throws {
        try await RouterClient.with { server in
            let answer = try await server.post(
                "/v1/completions",
                #"{"prompt":"x","max_tokens":40,"min_tokens":40,"temperature":0,"response_format":{"type":"json_schema","#
                    + #""json_schema":{"schema":{"enum":["ab"]}}}}"#)
            let choice = try #require(try Self.choices(answer.json()).first, "\(answer)")
            #expect(
                (choice["text"] as? String)?.hasPrefix("\"ab\"") == true && choice["finish_reason"] as? String == "stop"
            )
        }
    }

    @Test func tokensGoThereAndBack() async throws {
        try await RouterClient.with { server in
            let tokens = try await server.post("/tokenize", #"{"prompt":"let é"}"#).json()["tokens"] as? [Int]
            let ids = try #require(tokens)
            let back = try await server.post("/detokenize", "{\"tokens\":\(ids)}").json()
            #expect(back["prompt"] as? String == "let é" && back["content"] as? String == "let é")
            let info = try await server.get("/tokenizer_info").json()
            #expect(info.keys.contains("eos_token") && info["chat_template"] is String)
            #expect(try await server.post("/detokenize", #"{"tokens":[999999]}"#).status == 400)
        }
    }

    @Test func modelsHealthAndMetrics() async throws {
        try await RouterClient.with { server in
            let models = try await server.get("/v1/models").json()["data"] as? [[String: Any]]
            #expect(models?.first?["id"] as? String == "code_lm")
            #expect(try await server.get("/v1/models/code_lm").status == 200)
            #expect(try await server.get("/v1/models/other").status == 404)
            #expect(try await server.get("/health").status == 200)
            #expect(try await server.get("/props").status == 200)
            _ = try await server.post("/v1/completions", #"{"prompt":"let ","max_tokens":4}"#)
            let page = try await server.get("/metrics").body
            #expect(page.contains("ouro_generation_tokens_total{model_name=\"code_lm\"} 4\n"))
            #expect(page.contains("ouro_request_success_total{model_name=\"code_lm\",finished_reason=\"length\"} 1\n"))
            #expect(page.contains("ouro_time_to_first_token_seconds_bucket{model_name=\"code_lm\",le=\"+Inf\"} 1\n"))
            for line in page.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(line.contains("{model_name=\"code_lm\"") || line.hasPrefix("process_"), "\(line)")
                #expect(Double(line.split(separator: " ").last ?? "") != nil)
            }
        }
    }
}
