import Foundation
import Testing

@testable import Ouro

/// Tests added tokens, shielded text, and the two ways to merge a word.
@Suite struct TokenizerEncodingTests {
    private typealias Small = TemporaryTokenizer

    private static func tokenizer(_ added: String...) throws -> Tokenizer {
        let vocabulary = try ByteAlphabet.scalars.enumerated()
            .map { String(decoding: try JSONEncoder().encode(String($1)), as: UTF8.self) + ": \($0)" }
        return try Small.load(
            Small.text(
                vocabulary: "{\(vocabulary.joined(separator: ", "))}", merges: "[]",
                addedTokens: "[\(added.joined(separator: ", "))]"))
    }

    private static func bytes(_ text: String) -> [Int] { text.utf8.map { Int($0) } }

    @Test func theLeftmostAndThenTheLongestAddedTokenIsFound() throws {
        let tokenizer = try Self.tokenizer(
            Small.addedToken(300, "<a"), Small.addedToken(301, "<a>>"), Small.addedToken(302, "a>b"))
        #expect(tokenizer.encode("<a>>") == [301])
        #expect(tokenizer.encode("<a>b") == [300] + Self.bytes(">b"))
        #expect(tokenizer.encode("a>b<a>") == [302, 300] + Self.bytes(">"))
        #expect(tokenizer.encode("<<a") == Self.bytes("<") + [300])
    }

    @Test func aSpecialTokenTakenAsTextStillUsesUpItsText() throws {
        let tokenizer = try Self.tokenizer(Small.addedToken(300, "<ab>"), Small.addedToken(301, "b>", special: false))
        #expect(tokenizer.encode("<ab>b>", parsingSpecialTokens: false) == Self.bytes("<ab>") + [301])
    }

    @Test func strippingTokensSwallowTheirWhitespace() throws {
        let tokenizer = try Self.tokenizer(
            Small.addedToken(300, "<l>", "lstrip"), Small.addedToken(301, "<r>", "rstrip"),
            Small.addedToken(302, "<w>", "single_word"))
        #expect(tokenizer.encode("x \u{3000}\n<l> y") == Self.bytes("x") + [300] + Self.bytes(" y"))
        #expect(tokenizer.encode("x <r> \t y") == Self.bytes("x ") + [301] + Self.bytes("y"))
        #expect(tokenizer.encode("<r>  <l>") == [301, 300])
        #expect(tokenizer.encode("x<w>") == Self.bytes("x<w>"))
        #expect(tokenizer.encode("<w>é") == Self.bytes("<w>é"))
        #expect(tokenizer.encode("-<w> é") == Self.bytes("-") + [302] + Self.bytes(" é"))
    }

    @Test func shieldedTextNeverBecomesControl() throws {
        let tokenizer = try Self.tokenizer(
            Small.addedToken(300, "<|s|>"), Small.addedToken(301, "<|s"), Small.addedToken(302, "日"),
            Small.addedToken(303, "日日x", special: false), Small.addedToken(304, "<l>", "lstrip"))
        var random = SeededRandom(seed: 5)
        let fragments = [
            "<|s|>", "<|s", "|>", "<", "日", "日日", "x", " ", "<l>", "s", "\(Tokenizer.literalMarker)", "\n", "日",
        ]
        for _ in 0..<500 {
            let text = (0..<random.int(0...9)).map { _ in fragments[random.int(0...fragments.count - 1)] }.joined()
            // The prompt must have the plain tokens of the text.
            let plain = Self.bytes(
                text.unicodeScalars.filter { $0 != Tokenizer.literalMarker }.map(String.init).joined())
            let shielded = tokenizer.shieldingSpecialTokens(in: text)
            let prompt = "<|s|>user\n\(shielded)|s|>\n<|s|>"
            #expect(
                tokenizer.encode(prompt, removingMarkers: true)
                    == [300] + Self.bytes("user\n") + plain + Self.bytes("|s|>\n") + [300], "\(text.debugDescription)")
        }
    }

    @Test func shieldingMarksOnlyWhatItMust() throws {
        let tokenizer = try Self.tokenizer(Small.addedToken(300, "<s>"))
        let marker = Tokenizer.literalMarker
        #expect(tokenizer.shieldingSpecialTokens(in: "a < b, <t>") == "a < b, <t>")
        #expect(tokenizer.shieldingSpecialTokens(in: "a<s>b") == "a<\(marker)s>b")
        #expect(tokenizer.shieldingSpecialTokens(in: "\(marker)<\(marker)s>") == "<\(marker)s>")
        #expect(tokenizer.encode("\(marker)", removingMarkers: true) == [])
        #expect(tokenizer.encode("\(marker)") == Self.bytes("\(marker)"))
    }

    /// Compares the heap for long words with the scan for short ones, on the same words.
    @Test func longWordsMergeAsShortOnesDo() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<300 {
            var table = MergeTable(count: 200)
            for rank in 0..<Int32(random.int(1...200)) {
                table.insert(
                    .init(rank: rank, result: Int32(random.int(0...30))), left: Int32(random.int(0...30)),
                    right: Int32(random.int(0...30)))
            }
            let word = (0..<random.int(2...120)).map { _ in Int32(random.int(0...10)) }
            var merging = PairMerging(table)
            var (short, long) = (word, word)
            merging.merge(&short, shortWordLimit: .max)
            merging.merge(&long, shortWordLimit: 0)
            #expect(short == long, "\(word)")
        }
    }

    /// If merging scanned the whole word for every pair, it would read about ten billion symbols.
    @Test func aLongRunOfOneLetterIsMerged() throws {
        let tokenizer = try Small.load(
            Small.text(
                vocabulary: #"{"a": 0, "aa": 1, "aaaa": 2, "aaaaaaaa": 3}"#,
                merges: #"["a a", "aa aa", "aaaa aaaa"]"#, addedTokens: "[]"))
        #expect(
            tokenizer.encode(String(repeating: "a", count: 200_007)) == Array(repeating: 3, count: 25_000) + [2, 1, 0])
    }

    @Test func wordsFollowGPT2sExpression() {
        for (text, expected) in [
            ("I'll don't 'S", ["I", "'ll", " don", "'t", " '", "S"]),
            ("a  b \n c  ", ["a", " ", " b", " \n", " c", "  "]),
            ("x²½ ٣三", ["x", "²½", " ٣", "三"]),
            ("\u{301}e\u{301}!", ["\u{301}", "e", "\u{301}!"]),
            ("\u{A0}\u{3000}y", ["\u{A0}", "\u{3000}", "y"]),
            ("''s'", ["''", "s", "'"]),
            ("'", ["'"]), ("'l", ["'", "l"]), (" ", [" "]), ("🎉🎉a", ["🎉🎉", "a"]),
        ] {
            let bytes = Array(text.utf8)
            var words: [String] = []
            var start = 0
            while start < bytes.count {
                let end = PreTokenizer.wordEnd(in: bytes, start..<bytes.count, .shared)
                words.append(String(decoding: bytes[start..<end], as: UTF8.self))
                start = end
            }
            #expect(words == expected, "\(text.debugDescription)")
        }
    }
}
