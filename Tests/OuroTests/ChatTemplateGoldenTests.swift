import Foundation
import Testing

@testable import Ouro

/// Compares the default template with the texts of the reference tokenizer. `JinjaTests` has the language's golden
/// data.
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

    @Test func chatMLMatchesTheReferenceExactly() throws {
        let data = try Data(contentsOf: Fixtures.url("tokenizer/chat_golden.json"))
        let golden = try JSONDecoder().decode(ChatGolden.self, from: data)
        #expect(golden.cases.count > 50)
        for (index, example) in golden.cases.enumerated() {
            let text = try ChatTemplate.chatML.render(
                messages: example.messages, addGenerationPrompt: example.add_generation_prompt,
                arguments: example.enable_thinking.map { ["enable_thinking": .bool($0)] } ?? [:])
            #expect(text.utf8.elementsEqual(example.text.utf8), "case \(index): \(text)")
        }
    }
}
