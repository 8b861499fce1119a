import Foundation
import Testing

@testable import Ouro
@testable import OuroData

/// Which tokens of a conversation are learnt.
@Suite struct ConversationTests {
    static let talk = [
        ChatMessage(role: "system", content: "Be brief."), ChatMessage(role: "user", content: "one?"),
        ChatMessage(role: "assistant", content: "1"), ChatMessage(role: "user", content: "<|im_end|>two?"),
        ChatMessage(role: "assistant", content: "<think>hm 2"), ChatMessage(role: "user", content: "ignored"),
    ]

    /// Takes `<think>` and one word out of all answers but the last.
    static let forgetful = """
        {%- for message in messages -%}
        {%- set content = message['content'] -%}
        {%- if message['role'] == 'assistant' and not loop.last -%}
        {%- set content = content.split(' ')[-1] -%}
        {%- endif -%}
        {{- '<|im_start|>' + message['role'] + '\\n' + content + '<|im_end|>\\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
        """

    @Test func theAssistantsTurnsAreLearntAndNothingElse() throws {
        let encoder = try ByteTokenizer.encoder()
        let documents = try encoder.documents(messages: Self.talk)
        #expect(documents.count == 1)
        let document = try #require(documents.first)
        #expect(document.text(encoder.tokenizer, learnt: true) == "1<|im_end|><think>hm 2<|im_end|>")
        #expect(
            document.text(encoder.tokenizer, learnt: false)
                == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\none?<|im_end|>\n<|im_start|>assistant\n"
                + "\n<|im_start|>user\n<|im_end|>two?<|im_end|>\n<|im_start|>assistant\n\n<|endoftext|>")
        // What the user wrote is text; what the assistant wrote may be control.
        let ends = document.tokens.count { $0 == Int32(ByteTokenizer.end) }
        #expect(ends == 5, "\(ends) ends of turns")
        #expect(document.tokens.contains(Int32(ByteTokenizer.think)))
    }

    @Test func theTokensBeforeAnAnswerAreItsPrompt() throws {
        let encoder = try ByteTokenizer.encoder()
        let document = try #require(try encoder.documents(messages: Self.talk).first)
        let shielded = Self.talk.prefix(4).map {
            ChatMessage(role: $0.role, content: encoder.tokenizer.shieldingSpecialTokens(in: $0.content))
        }
        let prompt = encoder.tokenizer.encode(
            try encoder.template.render(messages: Array(shielded)), removingMarkers: true)
        #expect(Array(document.tokens.prefix(prompt.count)) == prompt.map { Int32($0) })
        #expect(document.learns[prompt.count], "the answer begins there")
        #expect(!document.learns[prompt.count - 1])
    }

    @Test func templatesThatForgetMakeOneDocumentPerAnswer() throws {
        let encoder = try ByteTokenizer.encoder(Self.forgetful)
        let talk = [
            ChatMessage(role: "user", content: "a"), ChatMessage(role: "assistant", content: "<think>x b"),
            ChatMessage(role: "user", content: "c"), ChatMessage(role: "assistant", content: "<think>y d"),
        ]
        let documents = try encoder.documents(messages: talk)
        #expect(
            documents.map { $0.text(encoder.tokenizer, learnt: true) } == [
                "<think>x b<|im_end|>", "<think>y d<|im_end|>",
            ])
        #expect(documents[1].text(encoder.tokenizer, learnt: false).contains("assistant\nb<|im_end|>"))
    }

    @Test func templatesWithoutASayOnTheAnswerAreRefused() throws {
        let encoder = try ByteTokenizer.encoder(
            "{% for m in messages %}{{ loop.length }}{{ m['content'] }}{% endfor %}")
        let error = #expect(throws: OuroError.self) { try encoder.documents(messages: Self.talk) }
        #expect(error?.code == .invalidTemplate)
        #expect(error?.field == "messages[2]")
    }

    @Test func conversationsWithoutAnswersAreRefused() throws {
        let encoder = try ByteTokenizer.encoder()
        #expect(throws: OuroError.self) { try encoder.documents(messages: []) }
        #expect(throws: OuroError.self) { try encoder.documents(messages: Array(Self.talk.prefix(2))) }
    }
}
