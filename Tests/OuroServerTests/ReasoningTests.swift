import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// Tests the thoughts of reasoning models. In the fixture's tokenizer, `<think>` and `</think>` replace two bytes.
@Suite struct ReasoningTests {
    /// Runs `body` with a copy of the fixture that has these two tokens.
    private static func withModel(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ouro-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(
                at: TestServer.model.appendingPathComponent(name), to: folder.appendingPathComponent(name))
        }
        var text = try String(contentsOf: TestServer.model.appendingPathComponent("tokenizer.json"), encoding: .utf8)
        var added: [String] = []
        for (id, (byte, mark)) in [("Ā", "<think>"), ("ā", "</think>")].enumerated() {
            let escaped = "\\u010\(id)"
            text = text.replacingOccurrences(of: "\"\(byte)\"", with: "\"\(mark)\"")
                .replacingOccurrences(of: "\"\(escaped)\"", with: "\"\(mark)\"")
            added.append(
                #"{"id":\#(id),"content":"\#(mark)","special":true,"single_word":false,"lstrip":false,"rstrip":false,"#
                    + #""normalized":false}"#)
        }
        let range = try #require(text.range(of: #""added_tokens":\s*\[\]"#, options: .regularExpression))
        text.replaceSubrange(range, with: "\"added_tokens\":[\(added.joined(separator: ","))]")
        try Data(text.utf8).write(to: folder.appendingPathComponent("tokenizer.json"))
        try await body(folder)
    }

    private static let thinking = #""chat_template_kwargs":{"enable_thinking":true}"#

    private static func body(_ fields: String) -> String {
        #"{"messages":[{"role":"user","content":"let"}],"max_tokens":6,"temperature":0,\#(fields)}"#
    }

    @Test func thoughtsAreNotPartOfTheAnswer() async throws {
        try await Self.withModel { model in
            try await RouterClient.with(model: model) { server in
                func message(_ fields: String) async throws -> [String: String] {
                    let answer = try await server.post("/v1/chat/completions", Self.body(fields))
                    let choices = try #require(try answer.json()["choices"] as? [[String: Any]], "\(answer)")
                    return try #require(choices.first?["message"] as? [String: String])
                }
                let plain = try await message(#""n":1"#)
                #expect(plain["reasoning_content"] == nil)
                #expect(plain["content"]?.isEmpty == false)
                let thought = try await message(Self.thinking)
                #expect(thought["content"] == "")
                #expect(thought["reasoning_content"]?.isEmpty == false)
                // The bias makes every token `</think>`.
                let closed = try await message(Self.thinking + #","logit_bias":{"1":100}"#)
                #expect(closed == ["role": "assistant", "content": ""])
                let shown = try await message(Self.thinking + #","logit_bias":{"1":100},"skip_special_tokens":false"#)
                #expect(shown["content"] == String(repeating: "</think>", count: 6))

                let stream = try await server.post(
                    "/v1/chat/completions", Self.body(Self.thinking + #","stream":true"#))
                let deltas = try stream.events().compactMap { event in
                    (event["choices"] as? [[String: Any]])?.first?["delta"] as? [String: String]
                }
                #expect(deltas.compactMap { $0["reasoning_content"] }.joined() == thought["reasoning_content"])
                #expect(deltas.allSatisfy { $0["content"] == nil })
            }
        }
    }

    @Test func argumentsOfTheTemplateAreText() async throws {
        try await Self.withModel { model in
            try Data("{{ messages[0].content }}{{ name }}{{ list[0].x }}<think>".utf8)
                .write(to: model.appendingPathComponent("chat_template.jinja"))
            let engine = try Engine(modelAt: model, options: EngineOptions(threads: 1))
            let messages = [ChatMessage(role: "user", content: "a<think>")]
            // Text from a client never becomes a special token, whatever field it comes from.
            let name = JSONValue.string("<think>"), list = JSONValue.array([.object(["x": name]), .int(1)])
            let tokens = try engine.tokens(of: .chat(messages, arguments: ["name": name, "list": list]))
            #expect(tokens == Array("a<think><think><think>".utf8).map(Int.init) + [0])
        }
    }

    @Test func marksAreFollowed() async throws {
        try await Self.withModel { model in
            let tokenizer = try Tokenizer(contentsOf: model.appendingPathComponent("tokenizer.json"))
            func thoughts(beginsOpen: Bool, _ tokens: [Int]) throws -> [Bool] {
                var parts = try #require(ReasoningParts(tokenizer: tokenizer, beginsOpen: beginsOpen))
                return tokens.map { parts.isThought($0) }
            }
            // Text that arrives with a mark belongs to the part before it.
            #expect(try thoughts(beginsOpen: false, [97, 0, 97, 1, 97]) == [false, false, true, true, false])
            #expect(try thoughts(beginsOpen: true, [97, 1, 97]) == [true, true, false])
            let plain = try Tokenizer(contentsOf: TestServer.model.appendingPathComponent("tokenizer.json"))
            #expect(ReasoningParts(tokenizer: plain, beginsOpen: false) == nil)
        }
    }

    @Test func argumentsMustBeAnObject() async throws {
        try await RouterClient.with { server in
            let answer = try await server.post("/v1/chat/completions", Self.body(#""chat_template_kwargs":[1]"#))
            #expect(answer.status == 400)
            #expect(answer.body.contains("chat_template_kwargs: expected an object"))
        }
    }
}
