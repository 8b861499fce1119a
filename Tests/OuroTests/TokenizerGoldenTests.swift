import Foundation
import Testing

@testable import Ouro

/// Compares ids and texts with those of the reference tokenizer.
@Suite struct TokenizerGoldenTests {
    private struct Golden: Decodable {
        struct Case: Decodable {
            let text: String?
            let ids: [Int]
            let ids_specials_as_text: [Int]?
            let decode: String
            let decode_skip_special: String
            let stream: [String]
            let stream_flush: String
        }
        let cases: [Case]
    }

    private struct Kind: Decodable {
        struct Case: Decodable {
            let text: String
            let ids: [Int]
            let ids_specials_as_text: [Int]
            let shuffled: [Int]
            let decode: String
            let decode_skip_special: String
        }
        let name: String
        let tokenizer: JSONValue
        let cases: [Case]
    }

    private func decode<Golden: Decodable>(_ type: Golden.Type, _ path: String) throws -> Golden {
        try JSONDecoder().decode(type, from: Data(contentsOf: Fixtures.url("tokenizer/" + path)))
    }

    private func expectStream(
        _ tokenizer: Tokenizer, _ ids: [Int], gives expected: String, skippingSpecialTokens: Bool = false
    ) {
        var decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: skippingSpecialTokens)
        let text = ids.map { decoder.append($0) }.joined() + decoder.finish()
        #expect(Array(text.utf8) == Array(expected.utf8), "streaming \(ids)")
    }

    @Test(
        .enabled("the published tokenizer.json is not here") { Fixtures.publishedTokenizer != nil },
        arguments: ["tokenizer_golden.json", "decode_golden.json"])
    func publishedTokenizerMatchesTheReferenceExactly(file: String) throws {
        let tokenizer = try Tokenizer(contentsOf: try #require(Fixtures.publishedTokenizer))
        #expect(tokenizer.vocabularySize == 49_152)
        let golden = try decode(Golden.self, file)
        #expect(golden.cases.count >= 60)
        for example in golden.cases {
            if let text = example.text {
                #expect(tokenizer.encode(text) == example.ids, "encoding \(text.debugDescription)")
                #expect(
                    tokenizer.encode(text, parsingSpecialTokens: false) == example.ids_specials_as_text,
                    "encoding \(text.debugDescription) as plain text")
                let shielded = tokenizer.shieldingSpecialTokens(in: text)
                #expect(
                    tokenizer.encode(shielded, removingMarkers: true)
                        == tokenizer.encode(text, parsingSpecialTokens: false),
                    "shielding \(text.debugDescription)")
            }
            #expect(Array(tokenizer.decode(example.ids).utf8) == Array(example.decode.utf8), "decoding \(example.ids)")
            #expect(
                Array(tokenizer.decode(example.ids, skippingSpecialTokens: true).utf8)
                    == Array(example.decode_skip_special.utf8), "decoding \(example.ids) without special tokens")
            var decoder = StreamingDecoder(tokenizer)
            for (id, expected) in zip(example.ids, example.stream) {
                #expect(Array(decoder.append(id).utf8) == Array(expected.utf8), "token \(id) of \(example.ids)")
            }
            #expect(Array(decoder.finish().utf8) == Array(example.stream_flush.utf8))
            expectStream(tokenizer, example.ids, gives: example.decode_skip_special, skippingSpecialTokens: true)
        }
    }

    @Test(.enabled("the published tokenizer.json is not here") { Fixtures.publishedTokenizer != nil })
    func publishedTokenizerAnswersQuestionsAboutItsTokens() throws {
        let tokenizer = try Tokenizer(contentsOf: try #require(Fixtures.publishedTokenizer))
        #expect(tokenizer.id(of: "<|im_end|>") == 2)
        #expect(tokenizer.isSpecial(2))
        #expect(tokenizer.bytes(of: 2) == Array("<|im_end|>".utf8))
        let the = try #require(tokenizer.id(of: "Ġthe"))
        #expect(tokenizer.piece(the) == "Ġthe")
        #expect(tokenizer.bytes(of: the) == Array(" the".utf8))
        #expect(!tokenizer.isSpecial(the))
        for id in [-1, 49_152, .max, .min] {
            #expect(tokenizer.bytes(of: id) == nil)
            #expect(tokenizer.piece(id) == "")
            #expect(!tokenizer.isSpecial(id))
        }
        #expect(tokenizer.decode([-1, the, .max]) == " the")
        for byte in tokenizer.missingBytes {
            #expect(tokenizer.id(of: String(ByteAlphabet.scalars[Int(byte)])) == nil, "byte \(byte)")
        }
    }

    @Test func everyKindOfTokenizerMatchesTheReferenceExactly() throws {
        let kinds = try decode([Kind].self, "kinds_golden.json")
        #expect(kinds.count == 5)
        for kind in kinds {
            let tokenizer = try TemporaryTokenizer.load(JSONEncoder().encode(kind.tokenizer))
            for example in kind.cases {
                let name = "\(kind.name): \(example.text.debugDescription)"
                #expect(tokenizer.encode(example.text) == example.ids, "\(name)")
                #expect(
                    tokenizer.encode(example.text, parsingSpecialTokens: false) == example.ids_specials_as_text,
                    "\(name) as plain text")
                #expect(
                    Array(tokenizer.decode(example.shuffled).utf8) == Array(example.decode.utf8),
                    "\(kind.name): decoding \(example.shuffled)")
                #expect(
                    Array(tokenizer.decode(example.shuffled, skippingSpecialTokens: true).utf8)
                        == Array(example.decode_skip_special.utf8),
                    "\(kind.name): decoding \(example.shuffled) without special tokens")
                expectStream(tokenizer, example.shuffled, gives: example.decode)
            }
        }
    }

    @Test func byteTokenizerOfTheCodeModelIsTheIdentityOnBytes() throws {
        struct Model: Decodable {
            struct Case: Decodable {
                let prompt: String
                let tokens: [Int]
            }
            let cases: [Case]
        }
        let tokenizer = try Tokenizer(contentsOf: Fixtures.url("code_lm/tokenizer.json"))
        #expect(tokenizer.vocabularySize == 256)
        #expect(tokenizer.missingBytes == [])
        let golden = try JSONDecoder().decode(Model.self, from: Data(contentsOf: Fixtures.url("code_lm/golden.json")))
        for example in golden.cases {
            #expect(tokenizer.encode(example.prompt) == example.prompt.utf8.map { Int($0) })
            expectStream(tokenizer, example.tokens, gives: tokenizer.decode(example.tokens))
        }
        let text = "let π = \"🎉\" // 100 % \r\n\t\u{0}"
        #expect(tokenizer.encode(text) == text.utf8.map { Int($0) })
        #expect(tokenizer.decode(text.utf8.map { Int($0) }) == text)
        #expect(tokenizer.encode("") == [])
        #expect(tokenizer.decode([]) == "")
    }

    @Test func streamingHoldsBackOnlyWhatMayBecomeACharacter() throws {
        let tokenizer = try Tokenizer(contentsOf: Fixtures.url("code_lm/tokenizer.json"))
        for (bytes, expected) in [
            ([0xF0, 0x9F, 0x8E, 0x89], ["", "", "", "🎉"]),
            ([0xE0, 0x80, 0x41], ["", "\u{FFFD}\u{FFFD}", "A"]),
            ([0xED, 0xA0, 0x80], ["", "\u{FFFD}\u{FFFD}", "\u{FFFD}"]),
            ([0xF4, 0x90], ["", "\u{FFFD}\u{FFFD}"]),
            ([0xE2, 0x82, 0x41], ["", "", "\u{FFFD}A"]),
            ([0xC0, 0xFF], ["\u{FFFD}", "\u{FFFD}"]),
        ] {
            var decoder = StreamingDecoder(tokenizer)
            #expect(bytes.map { decoder.append($0) } == expected, "\(bytes)")
            #expect(decoder.finish() == "")
        }
        var decoder = StreamingDecoder(tokenizer)
        #expect(decoder.append(0xF0) == "")
        #expect(decoder.finish() == "\u{FFFD}")
    }
}
