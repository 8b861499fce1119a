import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// The same conversation through other endpoints: `/v1/responses` and `/v1/messages`.
@Suite struct DoorTests {
    private static let call = "<tool_call>{\"name\": \"time\", \"arguments\": {\"zone\": \"b\"}}</tool_call>"
    private static let schema =
        #"{"type":"object","properties":{"zone":{"enum":["a","b"]}},"required":["zone"]}"#

    /// The events of a stream whose events have names.
    private static func events(_ answer: Answer) throws -> [[String: Any]] {
        #expect(answer.status == 200, "\(answer.body)")
        return try answer.body.components(separatedBy: "\n\n").filter { !$0.isEmpty && $0 != ": waiting" }.map { text in
            let lines = text.components(separatedBy: "\n")
            let event = try Answer.event(lines.last ?? "")
            #expect(lines.count == 2 && lines[0] == "event: \(event["type"] as? String ?? "")", "\(text)")
            return event
        }
    }

    // MARK: responses

    private static func texts(_ response: [String: Any]) throws -> [[String]] {
        try (#require(response["output"] as? [[String: Any]])).map { item in
            let content = (item["content"] as? [[String: Any]])?.compactMap { $0["text"] as? String }.joined()
            return [
                item["type"] as? String ?? "",
                content ?? "\(item["name"] as? String ?? "") \(item["arguments"] as? String ?? "")",
                item["status"] as? String ?? "",
            ]
        }
    }

    @Test func responsesAreListsOfItems() async throws {
        try await RouterClient.scripted("hm</think>Well. " + Self.call) { server in
            let body =
                #"{"input":"What time?","instructions":"Be brief.","reasoning":{"effort":"high"},"temperature":0,"#
                + #""tools":[{"type":"function","name":"time","parameters":\#(Self.schema)}]"#
            let whole = try await server.post("/v1/responses", body + "}").json()
            #expect(whole["object"] as? String == "response" && whole["status"] as? String == "completed")
            #expect(whole["store"] as? Bool == false && whole["instructions"] as? String == "Be brief.")
            let expected = [
                ["reasoning", "hm", "completed"], ["message", "Well. ", "completed"],
                ["function_call", #"time {"zone": "b"}"#, "completed"],
            ]
            #expect(try Self.texts(whole) == expected)
            let usage = try #require(whole["usage"] as? [String: Any])
            #expect((usage["output_tokens_details"] as? [String: Int])?["reasoning_tokens"] == 3)

            let events = try Self.events(try await server.post("/v1/responses", body + ",\"stream\":true}"))
            #expect(events.map { $0["sequence_number"] as? Int } == Array(0..<events.count))
            let last = try #require(events.last?["response"] as? [String: Any])
            #expect(try Self.texts(last) == expected)
            var order: [String] = []
            for event in events {
                let type = event["type"] as? String ?? ""
                if type.hasSuffix(".delta"), type == order.last { continue }
                order.append(type)
            }
            let block = { (kind: String, hasPart: Bool) in
                ["response.output_item.added"] + (hasPart ? ["response.content_part.added"] : [])
                    + ["response.\(kind).delta", "response.\(kind).done"]
                    + (hasPart ? ["response.content_part.done"] : []) + ["response.output_item.done"]
            }
            #expect(
                order == ["response.created", "response.in_progress"] + block("reasoning_text", true)
                    + block("output_text", true) + block("function_call_arguments", false) + ["response.completed"])
            let deltas = events.filter { $0["type"] as? String == "response.function_call_arguments.delta" }
            #expect(deltas.compactMap { $0["delta"] as? String }.joined() == #"{"zone": "b"}"#)
        }
    }

    @Test func itemsBecomeMessages() throws {
        let body =
            #"{"instructions":"I","input":[{"role":"developer","content":"D"},{"role":"user","content":[{"type":"input_text","text":"q"}]},"#
            + #"{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},"#
            + #"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]},"#
            + #"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},"#
            + #"{"type":"function_call_output","call_id":"c","output":"r"}]}"#
        let messages = try ResponseInput.messages(of: RequestFields(parsing: Data(body.utf8)))
        #expect(messages.map(\.role) == ["system", "user", "assistant", "tool"])
        #expect(messages.map(\.content) == ["I\n\nD", "q", "a", "r"])
        #expect(messages[2].reasoning == "hm" && messages[3].toolCallID == "c")
        #expect(messages[2].toolCalls == [ChatToolCall(id: "c", name: "f", arguments: "{}")])
    }

    @Test func responsesFollowASchemaAndMayBeCut() async throws {
        try await RouterClient.scripted(#"{"zone": "a"}"#) { server in
            let body =
                #"{"input":"x","temperature":0,"text":{"format":{"type":"json_schema","name":"n","schema":\#(Self.schema)}}"#
            let whole = try await server.post("/v1/responses", body + "}").json()
            #expect(try Self.texts(whole) == [["message", #"{"zone": "a"}"#, "completed"]])
            let cut = try await server.post("/v1/responses", body + ",\"max_output_tokens\":4}").json()
            #expect(try Self.texts(cut) == [["message", #"{"zo"#, "incomplete"]])
            #expect((cut["incomplete_details"] as? [String: String])?["reason"] == "max_output_tokens")
        }
    }

    @Test func responsesWithoutStateRefuseState() async throws {
        try await RouterClient.scripted("x") { server in
            for (fields, parameter) in [
                (#""input":"x","previous_response_id":"resp_1""#, "previous_response_id"),
                (#""input":"x","store":true"#, "store"), (#""input":"x","background":true"#, "background"),
                (#""input":"x","conversation":"c""#, "conversation"), (#""temperature":0"#, "input"),
                (#""input":5"#, "input"), (#""input":[]"#, "input"),
                (#""input":[{"type":"item_reference","id":"a"}]"#, "input[0].type"),
                (#""input":"x","tools":[{"type":"web_search"}]"#, "tools[0].type"),
                (#""input":"x","text":{"format":{"type":"xml"}}"#, "text.format.type"),
                (#""input":"x","reasoning":{"effort":"huge"}"#, "reasoning.effort"),
                (#""input":"x","truncation":"auto""#, "truncation"), (#""input":"x","n":2"#, "n"),
            ] {
                let answer = try await server.post("/v1/responses", "{\(fields)}")
                let error = try #require(try answer.json()["error"] as? [String: Any], "\(fields)")
                #expect(answer.status == 400 && error["param"] as? String == parameter, "\(fields): \(error)")
            }
            #expect(try await server.post("/v1/responses", #"{"input":"x","store":false}"#).status == 200)
        }
    }

    // MARK: messages

    @Test func messagesAreListsOfBlocks() async throws {
        try await RouterClient.scripted("hm</think>Well. " + Self.call) { server in
            let body =
                #"{"model":"m","max_tokens":200,"system":[{"type":"text","text":"S"}],"temperature":0,"thinking":{"type":"enabled","budget_tokens":1024},"#
                + #""messages":[{"role":"user","content":"q"}],"tools":[{"name":"time","input_schema":\#(Self.schema)}]"#
            let headers = ["anthropic-version": "2023-06-01"]
            let whole = try await server.send("POST", "/v1/messages", Data((body + "}").utf8), headers: headers).json()
            #expect(whole["type"] as? String == "message" && whole["stop_reason"] as? String == "tool_use")
            let content = try #require(whole["content"] as? [[String: Any]])
            #expect(content.map { $0["type"] as? String } == ["thinking", "text", "tool_use"])
            #expect(content[0]["thinking"] as? String == "hm" && content[1]["text"] as? String == "Well. ")
            #expect(
                content[2]["name"] as? String == "time" && content[2]["input"] as? [String: String] == ["zone": "b"])

            let events = try Self.events(try await server.post("/v1/messages", body + ",\"stream\":true}"))
            let types = events.compactMap { $0["type"] as? String }
            #expect(types.first == "message_start" && types.suffix(2) == ["message_delta", "message_stop"])
            var joined = ["", "", ""]
            for event in events {
                guard let delta = event["delta"] as? [String: Any], let index = event["index"] as? Int else { continue }
                for name in ["thinking", "text", "partial_json"] { joined[index] += delta[name] as? String ?? "" }
            }
            #expect(joined == ["hm", "Well. ", #"{"zone": "b"}"#])
            let starts = events.filter { $0["type"] as? String == "content_block_start" }
            #expect(starts.count == 3 && types.filter { $0 == "content_block_stop" }.count == 3)
            let end = try #require(events.dropLast().last)
            #expect((end["delta"] as? [String: Any])?["stop_reason"] as? String == "tool_use")
        }
    }

    @Test func blocksBecomeMessages() throws {
        let body =
            #"{"system":"S","messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},"#
            + #"{"type":"text","text":"a"},{"type":"tool_use","id":"t","name":"f","input":{"x":1}}]},"#
            + #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"r"}]},{"type":"text","text":"next"}]}]}"#
        let messages = try MessageInput.messages(of: RequestFields(parsing: Data(body.utf8)))
        #expect(messages.map(\.role) == ["system", "user", "assistant", "tool", "user"])
        #expect(messages.map(\.content) == ["S", "q", "a", "r", "next"])
        #expect(messages[2].reasoning == "hm" && messages[3].toolCallID == "t")
        let arguments = try #require(messages[2].toolCalls?.first?.arguments)
        #expect(try JSONValue(parsing: arguments) == .object(["x": .int(1)]))
    }

    @Test func messagesEndAsAnthropicSays() async throws {
        try await RouterClient.scripted("one two") { server in
            func end(_ fields: String) async throws -> [String?] {
                let body = #"{"max_tokens":50,"messages":[{"role":"user","content":"q"}],"temperature":0\#(fields)}"#
                let answer = try await server.post("/v1/messages", body).json()
                let content = try #require(answer["content"] as? [[String: Any]], "\(answer)")
                return [
                    content.first?["text"] as? String, answer["stop_reason"] as? String,
                    answer["stop_sequence"] as? String,
                ]
            }
            #expect(try await end("") == ["one two", "end_turn", nil])
            #expect(try await end(#","stop_sequences":[" t"]"#) == ["one", "stop_sequence", " t"])
            let body = #"{"max_tokens":3,"messages":[{"role":"user","content":"q"}],"temperature":0}"#
            #expect(try await server.post("/v1/messages", body).json()["stop_reason"] as? String == "max_tokens")
            let count = try await server.post(
                "/v1/messages/count_tokens", #"{"messages":[{"role":"user","content":"q"}]}"#
            ).json()
            #expect(count["input_tokens"] as? Int == "[user|q]\u{7}".utf8.count)
        }
    }

    @Test func faultsHaveAnthropicsForm() async throws {
        try await RouterClient.scripted("x", { $0.apiKey = "secret" }) { server in
            let good = #"{"max_tokens":5,"messages":[{"role":"user","content":"q"}]}"#
            func send(_ path: String, _ body: String, _ headers: [String: String]) async throws -> (Int, String?) {
                let answer = try await server.post(path, body, headers: headers)
                let error = try answer.json()["error"] as? [String: Any]
                if error != nil { #expect(try answer.json()["type"] as? String == "error") }
                return (answer.status, error?["type"] as? String)
            }
            #expect(try await send("/v1/messages", good, [:]) == (401, "authentication_error"))
            #expect(try await send("/v1/messages", good, ["x-api-key": "wrong"]) == (401, "authentication_error"))
            #expect(try await send("/v1/messages", good, ["x-api-key": "secret"]) == (200, nil))
            #expect(try await send("/v1/messages", good, ["Authorization": "Bearer secret"]) == (200, nil))
            // The header is for these paths only.
            let other = try await server.post("/v1/completions", #"{"prompt":"x"}"#, headers: ["x-api-key": "secret"])
            #expect(other.status == 401)
            for body in [
                "{}", #"{"messages":[]}"#, #"{"messages":[{"role":"system","content":"x"}]}"#,
                #"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
                #"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"pre"}]}"#,
                #"{"messages":[{"role":"user","content":"q"}],"tools":[{"name":"f"}]}"#,
                #"{"messages":[{"role":"user","content":"q"}],"tool_choice":{"type":"tool","name":"f"}}"#,
                #"{"messages":[{"role":"user","content":"q"}],"thinking":{"type":"often"}}"#,
                #"{"messages":[{"role":"user","content":"q"}],"mcp_servers":[{"x":1}]}"#,
            ] {
                let result = try await send("/v1/messages", body, ["x-api-key": "secret"])
                #expect(result == (400, "invalid_request_error"), "\(body)")
            }
        }
    }

    // MARK: small doors

    @Test func conversationsCanBeRendered() async throws {
        try await RouterClient.scripted("x") { server in
            let messages = #""messages":[{"role":"user","content":"q"}]"#
            let whole = try await server.post("/tokenize", "{\(messages)}").json()
            #expect(whole["prompt"] as? String == "[user|q]\u{7}" && whole["count"] as? Int == 9)
            let open = try await server.post("/tokenize", "{\(messages),\"add_generation_prompt\":false}").json()
            #expect(open["prompt"] as? String == "[user|q]")
            let special = try await server.post("/tokenize", #"{"prompt":"<think>"}"#).json()
            let plain = try await server.post("/tokenize", #"{"prompt":"<think>","parse_special":false}"#).json()
            #expect(special["count"] as? Int == 1 && plain["count"] as? Int == 7)
            #expect(try await server.get("/version").json()["version"] as? String == PackageVersion.current)
            let missing = try await server.post("/v1/embeddings", "{}")
            #expect(missing.status == 404 && missing.body.contains("/v1/chat/completions"))
        }
    }

    @Test func tokenIDsAndPromptScoresAreShown() async throws {
        try await RouterClient.scripted("ab") { server in
            let body = #"{"messages":[{"role":"user","content":"q"}],"temperature":0,"return_token_ids":true"#
            let whole = try await server.post("/v1/chat/completions", body + ",\"prompt_logprobs\":2}").json()
            let choice = try #require((whole["choices"] as? [[String: Any]])?.first)
            #expect(choice["token_ids"] as? [Int] == [97, 98, ScriptedModel.end])
            let prompt = try #require(whole["prompt_token_ids"] as? [Int])
            #expect(prompt == Array("[user|q]\u{7}".utf8).map(Int.init))
            let scores = try #require(whole["prompt_logprobs"] as? [Any])
            #expect(scores.count == prompt.count && scores[0] is NSNull)
            for (token, score) in zip(prompt, scores).dropFirst() {
                let entry = try #require((score as? [String: [String: Any]])?["\(token)"])
                #expect((entry["logprob"] as? Double ?? 1) <= 0)
            }
            let events = try await server.post("/v1/chat/completions", body + ",\"stream\":true}").events()
            #expect(events.first?["prompt_token_ids"] as? [Int] == prompt)
            let ids = events.flatMap { ($0["choices"] as? [[String: Any]])?.first?["token_ids"] as? [Int] ?? [] }
            #expect(ids == [97, 98, ScriptedModel.end])
            let text = try await server.post(
                "/v1/completions", #"{"prompt":"q\u0007","temperature":0,"return_token_ids":true,"prompt_logprobs":0}"#
            ).json()
            let completion = try #require((text["choices"] as? [[String: Any]])?.first)
            #expect(completion["token_ids"] as? [Int] == [97, 98, ScriptedModel.end])
            #expect(completion["text"] as? String == "ab" && (completion["prompt_logprobs"] as? [Any])?.count == 2)
        }
    }
}
