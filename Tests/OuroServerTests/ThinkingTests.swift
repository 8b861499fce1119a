import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// Thoughts together with grammars, stop strings, end tokens and history.
@Suite struct ThinkingTests {
    private static let on = #""chat_template_kwargs":{"enable_thinking":true}"#
    private static let schema =
        #""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","#
        + #""properties":{"ok":{"type":"boolean"}},"required":["ok"]}}}"#

    @Test func aGrammarBeginsAfterTheThoughts() async throws {
        try await RouterClient.scripted("I {think} so.</think>{\"ok\": true}") { server in
            let answer = try await server.chat("\(Self.on),\(Self.schema)")
            #expect(answer.reasoning == "I {think} so." && answer.content == #"{"ok": true}"#)
            #expect(answer.finishReason == "stop")
        }
        // Without thoughts the grammar begins at once.
        try await RouterClient.scripted(#"{"ok": false}"#) { server in
            let answer = try await server.chat(Self.schema)
            #expect(answer.reasoning.isEmpty && answer.content == #"{"ok": false}"#)
        }
    }

    @Test func thoughtsDoNotEndTheAnswer() async throws {
        // The model wants to end inside its thoughts. With a grammar to follow, it cannot.
        try await RouterClient.scripted("hm<|im_end|>") { server in
            let answer = try await server.chat("\(Self.on),\(Self.schema),\"max_tokens\":12")
            #expect(answer.finishReason == "length" && answer.content.isEmpty && answer.reasoning.hasPrefix("hm"))
        }
    }

    @Test func aBudgetEndsTheThoughts() async throws {
        let thought = String(repeating: "x", count: 300)
        try await RouterClient.scripted(thought) { server in
            let answer = try await server.chat("\(Self.on),\(Self.schema),\"max_thinking_tokens\":5")
            #expect(answer.reasoning == "xxxxx" && answer.content.hasPrefix("{\"ok\":"))
            let none = try await server.chat("\(Self.on),\(Self.schema),\"max_thinking_tokens\":0")
            #expect(none.reasoning.isEmpty && none.content.hasPrefix("{\"ok\":"))
            let minimal = try await server.chat(#""reasoning_effort":"minimal","max_tokens":200"#)
            #expect(minimal.reasoning.count == 128 && minimal.content.count == 200 - 128 - 1)
            let off = try await server.chat(#""reasoning_effort":"none","max_tokens":8"#)
            #expect(off.reasoning.isEmpty && off.content == "xxxxxxxx")
        }
    }

    @Test func thoughtsAreCountedAndMayBeLeftOut() async throws {
        try await RouterClient.scripted("abc</think>de") { server in
            let body =
                #"{"messages":[{"role":"user","content":"x"}],"temperature":0,\#(Self.on),"include_reasoning":false}"#
            let json = try await server.post("/v1/chat/completions", body).json()
            let answer = try ChatAnswer(whole: json)
            #expect(answer.reasoning.isEmpty && answer.content == "de")
            let usage = try #require(json["usage"] as? [String: Any])
            let details = try #require(usage["completion_tokens_details"] as? [String: Any])
            // The closing mark counts too.
            #expect(details["reasoning_tokens"] as? Int == 4)
        }
    }

    @Test func marksOfEarlierTurnsDoNotCount() async throws {
        try await RouterClient.scripted("plain") { server in
            let messages =
                #"[{"role":"user","content":"hi"},{"role":"assistant","content":"<think>\nhm I was cut"},"#
                + #"{"role":"user","content":"again <think>"}]"#
            let body = #"{"messages":\#(messages),"temperature":0}"#
            let answer = try ChatAnswer(whole: try await server.post("/v1/chat/completions", body).json())
            #expect(answer.content == "plain" && answer.reasoning.isEmpty)
        }
    }

    @Test func nothingCrossesTheEndOfThoughts() async throws {
        try await RouterClient.scripted("a\n</think>\nb") { server in
            // Neither part has the stop string.
            let apart = try await server.chat("\(Self.on),\"stop\":[\"\\n\\n\"]")
            #expect(apart.reasoning == "a\n" && apart.content == "\nb")
            // Text that might begin a stop string stays where it is.
            let held = try await server.chat("\(Self.on),\"stop\":[\"\\n\\nZZ\",\"bZ\"]")
            #expect(held.reasoning == "a\n" && held.content == "\nb" && held.finishReason == "stop")
        }
        // Stop strings apply to the answer, not to the thoughts.
        try await RouterClient.scripted("a STOP b</think>c STOP d") { server in
            let answer = try await server.chat("\(Self.on),\"stop\":\"STOP\"")
            #expect(answer.reasoning == "a STOP b" && answer.content == "c ")
            let shown = try await server.chat("\(Self.on),\"stop\":\"STOP\",\"include_stop_str_in_output\":true")
            #expect(shown.content == "c STOP")
        }
    }

    @Test func endTokensAreNotText() async throws {
        try await RouterClient.scripted("ab") { server in
            let answer = try await server.chat(#""skip_special_tokens":false"#)
            #expect(answer.content == "ab" && answer.finishReason == "stop")
            let special = try await server.chat(#""stop":["<think>"],"max_tokens":9"#)
            #expect(special.content == "ab")
            let token = try await server.chat(#""stop_token_ids":[98]"#)
            #expect(token.content == "a" && token.finishReason == "stop")
        }
        try await RouterClient.scripted("ab<think>cd") { server in
            let answer = try await server.chat(#""stop":["<think>"]"#)
            #expect(answer.content == "ab" && answer.reasoning.isEmpty && answer.finishReason == "stop")
        }
    }

    @Test func onlyTheModelsOwnMarksAreControlTokens() throws {
        let engine = try ScriptedModel.engine("")
        let messages = [
            ChatMessage(role: "user", content: "<think>"),
            ChatMessage(role: "assistant", content: "<think>a</think>b<|im_end|>c"),
        ]
        let prompt = try engine.chatPrompt(messages)
        #expect(prompt.tokens.filter { $0 == ScriptedModel.opening }.count == 1)
        #expect(prompt.tokens.filter { $0 == ScriptedModel.closing }.count == 1)
        #expect(!prompt.tokens.contains(ScriptedModel.end))
        #expect(!prompt.opensThought)
        #expect(try engine.chatPrompt(messages, arguments: ["enable_thinking": .bool(true)]).opensThought)
        // A name of a member is text too.
        let tools = JSONValue.array([.object(["<|im_end|>": .int(1)])])
        #expect(try !engine.chatPrompt(messages, arguments: ["tools": tools]).tokens.contains(ScriptedModel.end))
    }

    @Test func developersAreTheSystemWhereTheTemplateDoesNotKnowThem() throws {
        let engine = try ScriptedModel.engine("")
        let messages = [ChatMessage(role: "developer", content: "x"), ChatMessage(role: "user", content: "y")]
        #expect(try engine.chatPrompt(messages).text == "[system|x][user|y]\u{7}")
        let knowing = try ScriptedModel.engine("", template: "{% if 'developer' %}{{ messages[0].role }}{% endif %}")
        #expect(try knowing.chatPrompt(messages).text == "developer")
    }

    @Test func aChatGetsTheRoomThatIsLeft() async throws {
        try await RouterClient.scripted(String(repeating: "y", count: 500), contextLength: 200) { server in
            let body = #"{"messages":[{"role":"user","content":"x"}],"temperature":0,"ignore_eos":true}"#
            let json = try await server.post("/v1/chat/completions", body).json()
            let usage = try #require(json["usage"] as? [String: Any])
            #expect(usage["total_tokens"] as? Int == 200)
            #expect(try ChatAnswer(whole: json).finishReason == "length")
        }
    }

    @Test func otherEffortsAreRefused() async throws {
        try await RouterClient.scripted("x") { server in
            for (fields, name) in [
                (#""reasoning_effort":"huge""#, "reasoning_effort"),
                (#""max_thinking_tokens":-1"#, "max_thinking_tokens"),
                (#""include_reasoning":1"#, "include_reasoning"), (#""thinking":{"type":"enabled"}"#, "thinking"),
            ] {
                let answer = try await server.post(
                    "/v1/chat/completions", #"{"messages":[{"role":"user","content":"x"}],\#(fields)}"#)
                let error = try #require(try answer.json()["error"] as? [String: Any])
                #expect(answer.status == 400 && error["param"] as? String == name, "\(error)")
            }
            let harmless = try await server.chat(#""logprobs":false,"top_logprobs":0"#)
            #expect(harmless.content == "x")
        }
        // A model without the marks cannot think.
        try await RouterClient.with { server in
            let body = #"{"messages":[{"role":"user","content":"x"}],"max_tokens":1,"reasoning_effort":"#
            let low = try await server.post("/v1/chat/completions", body + "\"low\"}")
            let none = try await server.post("/v1/chat/completions", body + "\"none\"}")
            #expect(low.status == 400 && none.status == 200)
        }
    }
}
