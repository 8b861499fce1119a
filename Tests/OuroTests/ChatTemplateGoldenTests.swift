import Foundation
import Testing

@testable import Ouro

/// Against the texts of the reference tokenizer and of Python's Jinja.
@Suite struct ChatTemplateGoldenTests {
    private struct ChatGolden: Decodable {
        struct Case: Decodable {
            let messages: [ChatMessage]
            let add_generation_prompt: Bool
            let enable_thinking: Bool?
            let text: String
        }
        let cases: [Case]
    }

    private struct JinjaGolden: Decodable {
        struct Case: Decodable {
            let template: String
            let text: String
        }
        let context: [String: JSONValue]
        let cases: [Case]
        let failing: [String]
    }

    private func decode<Golden: Decodable>(_ type: Golden.Type, _ path: String) throws -> Golden {
        try JSONDecoder().decode(type, from: Data(contentsOf: Fixtures.url("tokenizer/" + path)))
    }

    @Test func chatMLMatchesTheReferenceExactly() throws {
        let golden = try decode(ChatGolden.self, "chat_golden.json")
        #expect(golden.cases.count > 50)
        for (index, example) in golden.cases.enumerated() {
            let text = try ChatTemplate.chatML.render(
                messages: example.messages, addGenerationPrompt: example.add_generation_prompt,
                arguments: example.enable_thinking.map { ["enable_thinking": .bool($0)] } ?? [:])
            #expect(text.utf8.elementsEqual(example.text.utf8), "case \(index): \(text)")
        }
    }

    @Test func snippetsMatchJinjaExactly() throws {
        let golden = try decode(JinjaGolden.self, "jinja_golden.json")
        #expect(golden.cases.count > 80)
        for example in golden.cases {
            do {
                let text = try ChatTemplate(source: example.template).render(context: golden.context)
                #expect(
                    text.utf8.elementsEqual(example.text.utf8),
                    "\(example.template)\n  got      \(text)\n  expected \(example.text)")
            } catch {
                Issue.record("\(example.template): \(error)")
            }
        }
    }

    @Test func whatFailsInJinjaFailsHere() throws {
        let golden = try decode(JinjaGolden.self, "jinja_golden.json")
        #expect(golden.failing.count > 70)
        for template in golden.failing {
            do {
                let text = try ChatTemplate(source: template).render(context: golden.context)
                Issue.record("\(template) gave \(text)")
            } catch {
                #expect(error.code == .invalidTemplate)
                #expect(error.field?.hasPrefix("line ") == true)
                #expect(!error.message.isEmpty)
            }
        }
    }
}
