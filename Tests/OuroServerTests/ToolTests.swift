import Foundation
import Testing

@testable import Ouro
@testable import OuroConstraints
@testable import OuroServer

/// Calls of functions.
@Suite struct ToolTests {
    static let weather =
        #"{"type":"function","function":{"name":"weather","description":"d","parameters":{"type":"object","#
        + #""properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}}}"#
    static let time =
        #"{"type":"function","function":{"name":"time","parameters":{"type":"object","properties":{"zone":{"enum":["a","b"]}},"required":["zone"]}}}"#
    static let tools = #""tools":[\#(weather),\#(time)]"#

    private static func arguments(_ call: [String]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(call[1].utf8)) as? [String: Any], "\(call)")
    }

    @Test(arguments: [false, true]) func theModelDecides(hasToolMarks: Bool) async throws {
        let call = #"<tool_call>\n{"name": "weather", "arguments": {"city": "Ulm {}", "days": 2}}\n</tool_call>"#
            .replacing("\\n", with: "\n")
        try await RouterClient.scripted("Let me see. " + call, hasToolMarks: hasToolMarks) { server in
            let answer = try await server.chat(Self.tools)
            #expect(answer.content == "Let me see. " && answer.finishReason == "tool_calls")
            #expect(answer.calls.map { $0[0] } == ["weather"])
            #expect(try Self.arguments(answer.calls[0])["city"] as? String == "Ulm {}")
            // Without a choice to call, the call is text.
            let none = try await server.chat(Self.tools + #","tool_choice":"none""#)
            #expect(none.calls.isEmpty && none.finishReason == "stop")
        }
        try await RouterClient.scripted("No call: < <tool_ca {\"a\": 1}", hasToolMarks: hasToolMarks) { server in
            let answer = try await server.chat(Self.tools)
            #expect(answer.content == "No call: < <tool_ca {\"a\": 1}" && answer.calls.isEmpty)
            #expect(answer.finishReason == "stop")
        }
    }

    @Test(arguments: [false, true]) func severalCallsAreSeparate(hasToolMarks: Bool) async throws {
        let one = "<tool_call>{\"name\": \"time\", \"arguments\": {\"zone\": \"a\"}}</tool_call>"
        let two = "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"</tool_call>\"}}</tool_call>"
        try await RouterClient.scripted(one + "\n" + (hasToolMarks ? one : two), hasToolMarks: hasToolMarks) { server in
            let answer = try await server.chat(Self.tools)
            #expect(answer.calls.count == 2 && !answer.hasContent)
            #expect(answer.calls[0] == ["time", #"{"zone": "a"}"#])
            if !hasToolMarks { #expect(answer.calls[1] == ["weather", #"{"city": "</tool_call>"}"#]) }
            let single = try await server.chat(Self.tools + #","parallel_tool_calls":false"#)
            #expect(single.calls == [["time", #"{"zone": "a"}"#]])
        }
    }

    @Test(arguments: [false, true]) func aCallCanBeRequired(hasToolMarks: Bool) async throws {
        // The model wants something else: a text, another function, and arguments that do not fit.
        for wish in ["I would rather talk.", "<tool_call>{\"name\": \"nothing\", \"arguments\": {\"x\": 1}}"] {
            try await RouterClient.scripted(wish, hasToolMarks: hasToolMarks) { server in
                let answer = try await server.chat(
                    Self.tools + #","tool_choice":"required","parallel_tool_calls":false"#)
                #expect(answer.calls.count == 1 && answer.content.isEmpty, "\(answer)")
                #expect(answer.finishReason == "tool_calls")
                let arguments = try Self.arguments(answer.calls[0])
                #expect(answer.calls[0][0] == "weather" ? arguments["city"] is String : arguments["zone"] is String)
                let named = try await server.chat(
                    Self.tools + #","tool_choice":{"type":"function","function":{"name":"time"}}"#)
                #expect(named.calls.count == 1 && named.calls[0][0] == "time")
                #expect(["a", "b"].contains(try Self.arguments(named.calls[0])["zone"] as? String ?? ""))
            }
        }
    }

    @Test func argumentsAreConstrainedFromTheMarkOn() async throws {
        try await RouterClient.scripted("Well <tool_call>{\"name\": \"time\", \"arguments\": {\"zone\": \"zzz") {
            server in
            let answer = try await server.chat(Self.tools)
            #expect(answer.content == "Well ")
            #expect(answer.calls.count >= 1 && answer.calls[0][0] == "time")
            #expect(["a", "b"].contains(try Self.arguments(answer.calls[0])["zone"] as? String ?? ""))
        }
    }

    @Test func callsComeAfterThoughts() async throws {
        let text = "hm <tool_call></think><tool_call>{\"name\": \"time\", \"arguments\": {\"zone\": \"b\"}}</tool_call>"
        try await RouterClient.scripted(text) { server in
            for choice in ["auto", "required"] {
                let answer = try await server.chat(
                    Self.tools + #","tool_choice":"\#(choice)","chat_template_kwargs":{"enable_thinking":true}"#)
                #expect(answer.reasoning == "hm <tool_call>" && answer.calls == [["time", #"{"zone": "b"}"#]])
            }
        }
    }

    @Test func thoughtsDoNotBeginBesideCalls() async throws {
        // What follows such a mark would be a thought for the client and a call for the grammar.
        let call = "<tool_call>{\"name\": \"time\", \"arguments\": {\"zone\": \"b\"}}</tool_call>"
        try await RouterClient.scripted("x<think>" + call) { server in
            let answer = try await server.chat(Self.tools)
            #expect(answer.reasoning.isEmpty && answer.content.hasPrefix("x"))
            #expect(answer.calls == [["time", #"{"zone": "b"}"#]])
        }
    }

    @Test func stopStringsDoNotCutCalls() async throws {
        let text = "Go on.<tool_call>{\"name\": \"time\", \"arguments\": {\"zone\": \"b\"}}</tool_call>"
        try await RouterClient.scripted(text) { server in
            let answer = try await server.chat(Self.tools + #","stop":["zone","}"]"#)
            #expect(answer.calls == [["time", #"{"zone": "b"}"#]] && answer.content == "Go on.")
            let stopped = try await server.chat(Self.tools + #","stop":[" on"]"#)
            #expect(stopped.content == "Go" && stopped.calls.isEmpty)
        }
    }

    @Test func aCallThatIsCutIsShownAsFarAsItCame() async throws {
        let text = "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>"
        try await RouterClient.scripted(text) { server in
            let answer = try await server.chat(Self.tools + #","max_tokens":55"#)
            #expect(answer.finishReason == "length")
            #expect(answer.calls == [["weather", #"{"cit"#]] || answer.calls[0][1].hasPrefix("{"))
        }
    }

    static let xml =
        "<tool_call>\n<function=plan>\n<parameter=text>\nline \"1\"\n<b>2</b>\n</parameter>\n<parameter=mode>\nfast\n"
        + "</parameter>\n<parameter=list>\n[1, 2]\n</parameter>\n</function>\n</tool_call>"
    static let plan =
        #""tools":[{"type":"function","function":{"name":"plan","parameters":{"type":"object","properties":{"text":{"type":"string"},"#
        + #""mode":{"type":"string","enum":["fast","slow"]},"list":{"type":"array","items":{"type":"integer"}},"#
        + #""flag":{"type":"boolean"}},"required":["text","mode","list"]}}}]"#

    @Test func functionsMayBeWrittenAsXML() async throws {
        let template = ScriptedModel.template + "{# <function=name> #}"
        try await RouterClient.scripted("Sure." + Self.xml, template: template) { server in
            for choice in ["auto", "required"] {
                let answer = try await server.chat(Self.plan + #","tool_choice":"\#(choice)""#)
                guard choice == "auto" else {
                    #expect(answer.calls.count >= 1 && answer.calls[0][0] == "plan")
                    let arguments = try Self.arguments(answer.calls[0])
                    #expect(arguments["text"] is String && arguments["list"] is [Int], "\(answer)")
                    continue
                }
                #expect(answer.content == "Sure." && answer.finishReason == "tool_calls")
                #expect(
                    answer.calls == [
                        ["plan", #"{"text": "line \"1\"\n<b>2</b>", "mode": "fast", "list": [1, 2]}"#]
                    ])
            }
        }
    }

    @Test func modelsWithoutMarksWriteBareJSON() async throws {
        let template = "{{ tools }}{{ messages[0].content }}\u{7}{# {\"name\": f, \"parameters\": x} #}"
        try await RouterClient.scripted(#"{"name": "time", "parameters": {"zone": "b"}}"#, template: template) {
            server in
            for choice in ["auto", "required"] {
                let answer = try await server.chat(Self.tools + #","tool_choice":"\#(choice)""#)
                #expect(answer.calls == [["time", #"{"zone": "b"}"#]] && answer.finishReason == "tool_calls")
            }
        }
        try await RouterClient.scripted("Say {x}.", template: template) { server in
            let answer = try await server.chat(Self.tools)
            #expect(answer.content == "Say {x}.")
        }
    }

    @Test func aResponseFormatAndToolsGoTogether() async throws {
        let format =
            #","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}}}"#
        try await RouterClient.scripted(#"{"ok": true}"#) { server in
            let answer = try await server.chat(Self.tools + format)
            #expect(answer.content == #"{"ok": true}"# && answer.calls.isEmpty)
        }
        try await RouterClient.scripted("<tool_call>{\"name\": \"time\", \"arguments\": {\"zone\": \"b\"}}</tool_call>")
        { server in
            let answer = try await server.chat(Self.tools + format)
            #expect(answer.calls == [["time", #"{"zone": "b"}"#]])
        }
    }

    @Test func historyIsRenderedByTheTemplate() throws {
        var call = ChatMessage(role: "assistant", content: "")
        call.toolCalls = [ChatToolCall(id: "c1", name: "time", arguments: #"{"zone": "a"}"#)]
        var result = ChatMessage(role: "tool", content: "noon")
        result.toolCallID = "c1"
        let engine = try ScriptedModel.engine("")
        let prompt = try engine.chatPrompt([ChatMessage(role: "user", content: "q"), call, result])
        #expect(
            prompt.text
                == "[user|q][assistant|<tool_call>{\"name\": \"time\", \"arguments\": {\"zone\": \"a\"}}</tool_call>][tool|noon]\u{7}"
        )
    }

    @Test func templatesWithoutToolsGetADefaultText() async throws {
        let template = "{% for m in messages %}[{{ m.role }}|{{ m.content }}]{% endfor %}\u{7}"
        try await RouterClient.scripted("ok", template: template) { server in
            let messages =
                #"[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","#
                + #""function":{"name":"time","arguments":"{\"zone\": \"a\"}"}}]},{"role":"tool","tool_call_id":"1","content":"noon"},"#
                + #"{"role":"tool","tool_call_id":"2","content":"late"}]"#
            let answer = try await server.post("/tokenize", #"{"messages":\#(messages),\#(Self.tools)}"#)
            let prompt = try #require(try answer.json()["prompt"] as? String, "\(answer.body)")
            #expect(prompt.hasPrefix("[system|You can call functions."))
            #expect(prompt.contains("\"name\":\"weather\"") && prompt.contains("[user|q]"))
            #expect(
                prompt.hasSuffix(
                    "[assistant|<tool_call>\n{\"name\": \"time\", \"arguments\": {\"zone\": \"a\"}}\n</tool_call>]"
                        + "[user|<tool_response>\nnoon\n</tool_response>\n<tool_response>\nlate\n</tool_response>]\u{7}"
                ))
        }
    }

    @Test func faultsNameTheirField() async throws {
        let f = #"{"type":"function","function":{"name":"f"}}"#
        try await RouterClient.scripted("x") { server in
            for (fields, parameter) in [
                (#""tools":[{}]"#, "tools[0].type"),
                (#""tools":[{"type":"x","function":{"name":"f"}}]"#, "tools[0].type"),
                (#""tools":[{"type":"function","function":{}}]"#, "tools[0].function.name"),
                (#""tools":[{"type":"function","function":{"name":"a b"}}]"#, "tools[0].function.name"),
                (#""tools":[\#(f),\#(f)]"#, "tools[1].function.name"), (#""tools":5"#, "tools"),
                (
                    #""tools":[{"type":"function","function":{"name":"f","parameters":5}}]"#,
                    "tools[0].function.parameters"
                ),
                (
                    #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"string"}}}]"#,
                    "tools[0].function.parameters"
                ),
                (
                    #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"nope"}}}}}]"#,
                    "tools[0].function.parameters"
                ),
                (#""tools":[\#(f)],"tool_choice":{"type":"function","function":{"name":"g"}}"#, "tool_choice"),
                (#""tools":[\#(f)],"tool_choice":"any""#, "tool_choice"), (#""tool_choice":"required""#, "tool_choice"),
                (#""tools":[\#(f)],"skip_special_tokens":false"#, "skip_special_tokens"),
                (#""functions":[{"name":"f"}]"#, "functions"), (#""parallel_tool_calls":1"#, "parallel_tool_calls"),
            ] {
                let answer = try await server.post(
                    "/v1/chat/completions", #"{"messages":[{"role":"user","content":"x"}],\#(fields)}"#)
                let error = try #require(try answer.json()["error"] as? [String: Any], "\(fields)")
                #expect(answer.status == 400 && error["param"] as? String == parameter, "\(fields): \(error)")
            }
        }
    }

    /// The parser alone: every cut of the text into two gives the same events, joined.
    @Test func cutsDoNotMatter() throws {
        func joined(_ texts: [String], _ format: ToolFormat, _ tools: [Tool]) -> WholeAnswer {
            var parser = ToolCallParser(format: format, tools: tools, isRequired: false)
            var events: [AnswerEvent] = []
            for text in texts { parser.take(text, into: &events) }
            parser.finish(into: &events)
            var answer = WholeAnswer([], parser: AnswerParser(reasoning: nil))
            for event in events { answer.add(event) }
            for index in answer.calls.indices { answer.calls[index].id = "" }
            return answer
        }
        let set = try ToolSet(chat: RequestFields(parsing: Data("{\(Self.plan)}".utf8)))
        let template = try ChatTemplate(source: "{{ tools }}<tool_call><function=")
        let json = try ChatTemplate(source: "{{ tools }}<tool_call>")
        let call = "<tool_call>{\"name\":\"plan\",\"arguments\":{\"text\":\"}\\\"é\"}}</tool_call>\n"
        for (template, text) in [
            (template, "  Hé <tool" + Self.xml + Self.xml), (json, "\n" + call + call), (json, "x\n" + call),
        ] {
            let format = ToolFormat(template: template, tokenizer: nil, arguments: [:])
            let whole = joined([text], format, set.tools)
            #expect(!whole.calls.isEmpty)
            for index in text.indices {
                #expect(joined([String(text[..<index]), String(text[index...])], format, set.tools) == whole)
            }
            #expect(joined(text.map(String.init), format, set.tools) == whole)
        }
    }
}
