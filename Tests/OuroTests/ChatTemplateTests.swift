import Foundation
import Testing

@testable import Ouro

/// Where a template comes from, what it is given, and what its errors say.
@Suite struct ChatTemplateTests {
    private static let hello = [ChatMessage(role: "user", content: "Hello")]

    /// Runs a body with a folder of these files.
    private func withFolder(_ files: [String: String], _ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
        try body(folder)
    }

    private func loadingError(_ files: [String: String]) throws -> OuroError? {
        var found: OuroError?
        try withFolder(files) { folder in
            do throws(OuroError) {
                _ = try ChatTemplate.load(fromModelFolder: folder)
            } catch {
                let name = error.file.map { URL(fileURLWithPath: $0).lastPathComponent }
                found = OuroError(error.code, file: name, field: error.field, error.message)
            }
        }
        return found
    }

    private func renderingError(_ source: String, arguments: JSONObject = [:]) -> OuroError? {
        do throws(OuroError) {
            let template = try ChatTemplate(source: source, file: "a.jinja")
            _ = try template.render(messages: Self.hello, arguments: arguments)
            return nil
        } catch {
            return error
        }
    }

    @Test func theFileOfItsOwnComesFirst() throws {
        let configuration = #"{"chat_template": "from the configuration", "bos_token": "<s>"}"#
        try withFolder(["tokenizer_config.json": configuration, "chat_template.jinja": "{{ bos_token }}own"]) {
            let template = try ChatTemplate.load(fromModelFolder: $0)
            #expect(try template.render(messages: Self.hello) == "<s>own")
            #expect(template.file?.hasSuffix("/chat_template.jinja") == true)
        }
        try withFolder(["tokenizer_config.json": configuration]) {
            let template = try ChatTemplate.load(fromModelFolder: $0)
            #expect(try template.render(messages: Self.hello) == "from the configuration")
            #expect(template.file?.hasSuffix("/tokenizer_config.json") == true)
        }
        try withFolder([:]) {
            let template = try ChatTemplate.load(fromModelFolder: $0)
            #expect(template.source == ChatTemplate.chatML.source && template.file == nil)
        }
    }

    @Test func aListHasADefaultTemplate() throws {
        let list = #"{"chat_template": [{"name": "rag", "template": "no"}, {"name": "default", "template": "yes"}]}"#
        try withFolder(["tokenizer_config.json": list]) {
            let template = try ChatTemplate.load(fromModelFolder: $0)
            #expect(try template.render(messages: Self.hello) == "yes")
        }
        let without = try loadingError([
            "tokenizer_config.json": #"{"chat_template": [{"name": "rag", "template": ""}]}"#
        ])
        #expect(
            without?.description
                == "tokenizer_config.json: chat_template: the list has no entry with the name 'default' and a template")
        let number = try loadingError(["tokenizer_config.json": #"{"chat_template": 1}"#])
        #expect(
            number?.description == "tokenizer_config.json: chat_template: "
                + "expected a string or a list of named templates, found an integer")
    }

    @Test func specialTokensAreStringsOrObjects() throws {
        let configuration = #"""
            {"bos_token": "<s>", "eos_token": {"content": "</s>", "special": true}, "pad_token": null,
            "add_bos_token": true, "chat_template": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}"}
            """#
        try withFolder(["tokenizer_config.json": configuration]) {
            let template = try ChatTemplate.load(fromModelFolder: $0)
            #expect(template.defaultArguments == ["bos_token": .string("<s>"), "eos_token": .string("</s>")])
            #expect(try template.render(messages: Self.hello) == "<s></s>False")
            #expect(try template.render(messages: Self.hello, arguments: ["bos_token": .string("B")]) == "B</s>False")
        }
    }

    @Test func filesAreReadStrictly() throws {
        let twice = try loadingError(["tokenizer_config.json": #"{"chat_template": "a", "chat_template": "b"}"#])
        #expect(twice?.code == .invalidTemplate && twice?.file == "tokenizer_config.json")
        #expect(twice?.field == "chat_template")
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        #expect(
            try loadingError(["tokenizer_config.json": deep])?.message
                == "line 1, column 65: expected at most 64 objects and arrays inside each other, found more")
        #expect(
            try loadingError(["tokenizer_config.json": #"{"chat_template""#])?.description
                == "tokenizer_config.json: chat_template: line 1, column 17: expected ':', found the end of the text")
        let long = String(repeating: "x", count: (1 << 20) + 1)
        #expect(
            try loadingError(["chat_template.jinja": long])?.description
                == "chat_template.jinja: the file is longer than 1048576 bytes")
    }

    @Test func errorsNameFileAndLine() throws {
        #expect(
            renderingError("a\n{{ 1 +\n }}")?.description == "a.jinja: line 3: found '}}', expected an expression")
        #expect(
            renderingError("{% for m in messages %}\n{{ raise_exception('no ' + m.role) }}{% endfor %}")
                == OuroError(.invalidTemplate, file: "a.jinja", field: "line 2", "no user"))
        #expect(
            renderingError(String(repeating: "x", count: (1 << 20) + 1))
                == OuroError(.invalidTemplate, file: "a.jinja", "the template is longer than 1048576 bytes"))
        var deep = JSONValue.null
        for _ in 0..<70 { deep = .array([deep]) }
        #expect(
            renderingError("x", arguments: ["tools": deep])
                == OuroError(.invalidRequest, field: "arguments", "values nest deeper than 64 levels"))
        #expect(throws: OuroError(.invalidRequest, field: "messages", "a conversation needs at least one message")) {
            try ChatTemplate.chatML.render(messages: [])
        }
    }

    @Test func valuesArriveInTheirOrder() throws {
        let members = JSONValue.object(["\u{e9}": .int(1), "f": .double(2.5), "e\u{301}": .null])
        let other = JSONValue.object(["z": .bool(true), "f": .array([.string("x")])])
        let template = try ChatTemplate(source: "{{ messages }} {{ members }} {{ other }} {{ tools is none }}")
        let text = try template.render(messages: Self.hello, arguments: ["members": members, "other": other])
        let expected =
            "[{'role': 'user', 'content': 'Hello'}] {'\u{e9}': 1, 'f': 2.5, 'e\u{301}': None} {'z': True, 'f': ['x']} True"
        #expect(text.utf8.elementsEqual(expected.utf8), "\(text)")
    }
}
