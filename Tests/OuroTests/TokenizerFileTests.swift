import Foundation
import Testing

@testable import Ouro

/// What is read from a `tokenizer.json`, and what is refused.
@Suite struct TokenizerFileTests {
    private typealias Small = TemporaryTokenizer

    @Test(arguments: [
        #"["a b", "ab c", "Ġ a"]"#, #"[["a", "b"], ["ab", "c"], ["Ġ", "a"]]"#,
        ##"["#version: 0.2", "a b", "ab c", "Ġ a"]"##,
    ])
    func bothSpellingsOfMergesMeanTheSame(merges: String) throws {
        let tokenizer = try Small.load(Small.text(merges: merges))
        #expect(tokenizer.encode("abcab ac abc") == [9, 7, 10, 2, 3, 9])
    }

    @Test func aPairThatStandsTwiceHasItsLastRank() throws {
        let twice = try Small.load(Small.text(merges: #"["Ġ a", "a b", "ab c", "Ġ a"]"#))
        #expect(twice.encode(" ab") == [3, 7])
        let once = try Small.load(Small.text(merges: #"["Ġ a", "a b", "ab c"]"#))
        #expect(once.encode(" ab") == [10, 1])
    }

    @Test func idsMayHaveGaps() throws {
        let tokenizer = try Small.load(Small.text(addedTokens: "[\(Small.addedToken(40, "<x>"))]"))
        #expect(tokenizer.vocabularySize == 41)
        #expect(tokenizer.bytes(of: 8) == nil)
        #expect(tokenizer.bytes(of: 40) == Array("<x>".utf8))
        #expect(tokenizer.decode([40, 8, 9]) == "<x>abc")
        #expect(tokenizer.encode("a<x>b") == [0, 40, 1])
        #expect(tokenizer.encode("a<x>b", parsingSpecialTokens: false) == [0, 11, 12, 1])
    }

    @Test func bytesWithoutATokenAreDroppedAndReported() throws {
        let tokenizer = try Small.load(Small.text())
        #expect(tokenizer.encode("xaéb") == [7])
        #expect(tokenizer.missingBytes.count == 256 - 6)
        #expect(!tokenizer.missingBytes.contains(UInt8(ascii: "a")))
        #expect(tokenizer.missingBytes.contains(UInt8(ascii: "x")))
    }

    @Test func wholeWordsComeBeforeMergesWhereTheFileSaysSo() throws {
        let merges = #"["b c"]"#
        let vocabulary = #"{"a": 0, "b": 1, "c": 2, "bc": 3, "abc": 4}"#
        let merging = try Small.load(Small.text(vocabulary: vocabulary, merges: #"["b c"]"#))
        #expect(merging.encode("abc") == [0, 3])
        let whole = try Small.load(
            Small.text(vocabulary: vocabulary, merges: merges, model: #""ignore_merges": true,"#))
        #expect(whole.encode("abc") == [4])
        #expect(whole.encode("abcc") == [0, 3, 2])
    }

    @Test func postProcessorsThatAddNothingAreAccepted() throws {
        for processor in [
            "null", #"{"type": "ByteLevel", "trim_offsets": false}"#,
            #"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}]}"#,
            #"{"type": "Sequence", "processors": [{"type": "ByteLevel"}]}"#,
        ] {
            let tokenizer = try Small.load(Small.text(rest: #""post_processor": \#(processor),"#))
            #expect(tokenizer.encode("abc") == [9], "\(processor)")
        }
    }

    /// A file, the code of the error it gives, and the field the error names (nil for none).
    private static let refused: [(file: String, code: OuroError.Code, field: String?)] = [
        ("", .invalidTokenizer, nil),
        ("null", .invalidTokenizer, nil),
        ("[]", .invalidTokenizer, nil),
        ("{}", .invalidTokenizer, "model"),
        (#"{"model": null}"#, .invalidTokenizer, "model"),
        (#"{"model": {"type": "BPE"}}"#, .invalidTokenizer, "model.vocab"),
        (#"{"model": {"type": "Unigram", "vocab": [["a", 0.5]]}}"#, .unsupported, "model.type"),
        (#"{"model": {"type": "WordPiece", "vocab": {}}}"#, .unsupported, "model.type"),
        (String(repeating: "[", count: 100_000), .invalidTokenizer, nil),
        (Small.text() + "x", .invalidTokenizer, nil),
        (Small.text(vocabulary: #"{"a": 0, "a": 1}"#, merges: "[]"), .invalidTokenizer, "model.vocab.a"),
        (Small.text(vocabulary: #"{"a": 0, "b": 0}"#, merges: "[]"), .invalidTokenizer, "model.vocab"),
        (Small.text(vocabulary: #"{"a": -1}"#, merges: "[]"), .invalidTokenizer, "model.vocab"),
        (Small.text(vocabulary: #"{"a": 1005}"#, merges: "[]"), .invalidTokenizer, "model.vocab"),
        (Small.text(vocabulary: #"{"a": 9223372036854775807}"#, merges: "[]"), .invalidTokenizer, "model.vocab"),
        (Small.text(vocabulary: #"{"a": "0"}"#, merges: "[]"), .invalidTokenizer, "model.vocab.a"),
        (Small.text(vocabulary: #"{"a": 1.5}"#, merges: "[]"), .invalidTokenizer, "model.vocab.a"),
        (Small.text(vocabulary: #"{"a": 99999999999999999999}"#, merges: "[]"), .invalidTokenizer, "model.vocab.a"),
        (Small.text(vocabulary: "[]", merges: "[]"), .invalidTokenizer, "model.vocab"),
        (Small.text(merges: #"["a x"]"#), .invalidTokenizer, "model.merges[0]"),
        (Small.text(merges: #"["a b", "b c"]"#), .invalidTokenizer, "model.merges[1]"),
        (Small.text(merges: #"["ab"]"#), .invalidTokenizer, "model.merges[0]"),
        (Small.text(merges: #"["a  b"]"#), .invalidTokenizer, "model.merges[0]"),
        (Small.text(merges: #"[["a"]]"#), .invalidTokenizer, "model.merges[0]"),
        (Small.text(merges: #"[["a", "b", "c"]]"#), .invalidTokenizer, "model.merges[0]"),
        (Small.text(merges: #"["a b", ["ab", "c"]]"#), .invalidTokenizer, "model.merges[1]"),
        (Small.text(merges: #"[["a", "b"], "ab c"]"#), .invalidTokenizer, "model.merges[1]"),
        (Small.text(merges: "[1]"), .invalidTokenizer, "model.merges[0]"),
        (Small.text(merges: "{}"), .invalidTokenizer, "model.merges"),
        (Small.text(model: #""dropout": 0.1,"#), .unsupported, "model.dropout"),
        (Small.text(model: #""unk_token": "<unk>","#), .unsupported, "model.unk_token"),
        (
            Small.text(model: #""continuing_subword_prefix": "@","#), .unsupported,
            "model.continuing_subword_prefix"
        ),
        (Small.text(model: #""end_of_word_suffix": "</w>","#), .unsupported, "model.end_of_word_suffix"),
        (Small.text(model: #""byte_fallback": true,"#), .unsupported, "model.byte_fallback"),
        (
            Small.text().replacing(#""version": "1.0""#, with: #""version": "2.0""#), .unsupported,
            "version"
        ),
        (
            Small.text().replacing(#""normalizer": null"#, with: #""normalizer": {"type": "NFC"}"#), .unsupported,
            "normalizer"
        ),
        (
            Small.text().replacing(#""truncation": null"#, with: #""truncation": {"max_length": 5}"#), .unsupported,
            "truncation"
        ),
        (Small.text().replacing(#""padding": null"#, with: #""padding": {}"#), .unsupported, "padding"),
        (Small.text(preTokenizer: #"{"type": "Metaspace"}"#), .unsupported, "pre_tokenizer"),
        (Small.text(preTokenizer: #"{"type": 3}"#), .invalidTokenizer, "pre_tokenizer.type"),
        (Small.text(preTokenizer: "[]"), .invalidTokenizer, "pre_tokenizer"),
        (Small.text(preTokenizer: #"{"type": "ByteLevel"}"#), .invalidTokenizer, "pre_tokenizer.add_prefix_space"),
        (Small.text(preTokenizer: #"{"type": "Digits"}"#), .invalidTokenizer, "pre_tokenizer.individual_digits"),
        (Small.text(preTokenizer: #"{"type": "Sequence"}"#), .invalidTokenizer, "pre_tokenizer.pretokenizers"),
        (
            Small.text(
                preTokenizer: """
                    {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": false},
                    {"type": "Digits", "individual_digits": true}]}
                    """), .unsupported, "pre_tokenizer.pretokenizers[1]"
        ),
        (Small.text(decoder: #"{"type": "WordPiece"}"#), .unsupported, "decoder"),
        (Small.text(decoder: "3"), .invalidTokenizer, "decoder"),
        (
            Small.text(
                rest: #""post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]},"#
            ), .unsupported, "post_processor"
        ),
        (
            Small.text(rest: #""post_processor": {"type": "BertProcessing"},"#), .unsupported, "post_processor"
        ),
        (
            Small.text(
                addedTokens: "[\(Small.addedToken(1, "<x>").replacing("1", with: "1.5"))]"), .invalidTokenizer,
            "added_tokens[0].id"
        ),
        (Small.text(addedTokens: "{}"), .invalidTokenizer, "added_tokens"),
        (Small.text(addedTokens: #"[{"id": 20}]"#), .invalidTokenizer, "added_tokens[0].content"),
        (Small.text(addedTokens: "[\(Small.addedToken(-1, "<x>"))]"), .invalidTokenizer, "added_tokens[0]"),
        (Small.text(addedTokens: "[\(Small.addedToken(20_000_000, "<x>"))]"), .invalidTokenizer, "added_tokens[0]"),
        (Small.text(addedTokens: "[\(Small.addedToken(9, "<x>"))]"), .invalidTokenizer, "added_tokens[0]"),
        (Small.text(addedTokens: "[\(Small.addedToken(20, "abc"))]"), .invalidTokenizer, "added_tokens[0]"),
        (
            Small.text(addedTokens: "[\(Small.addedToken(20, "<x>")), \(Small.addedToken(20, "<y>"))]"),
            .invalidTokenizer, "added_tokens[1]"
        ),
        (
            Small.text(addedTokens: "[\(Small.addedToken(20, "<x>")), \(Small.addedToken(21, "<x>"))]"),
            .invalidTokenizer, "added_tokens[1]"
        ),
    ]

    @Test func faultyAndForeignFilesAreRefusedByName() throws {
        for (index, (file, code, field)) in Self.refused.enumerated() {
            do {
                _ = try Small.load(file)
                Issue.record("file \(index) was accepted: \(file)")
            } catch let error as OuroError {
                #expect(error.code == code, "file \(index): \(error)")
                #expect(error.field == field, "file \(index): \(error)")
                #expect(error.file?.hasSuffix(".json") == true)
                #expect(!error.message.isEmpty)
            }
        }
    }

    @Test func aMissingFileIsSaidToBeMissing() {
        let error = #expect(throws: OuroError.self) {
            try Tokenizer(contentsOf: URL(fileURLWithPath: "/nowhere/tokenizer.json"))
        }
        #expect(error?.code == .unreadableFile)
    }

    @Test func mergesNameTheMissingToken() {
        let error = #expect(throws: OuroError.self) { try Small.load(Small.text(merges: #"["a x"]"#)) }
        #expect(error?.message.contains("'ax'") == true)
    }

    /// Damages a good file at random: it loads or it throws, and what loads can be used.
    @Test func damagedFilesLoadOrThrow() throws {
        let added =
            "[\(Small.addedToken(13, "<x>", "lstrip")), \(Small.addedToken(14, "ca", special: false, "rstrip"))]"
        let preTokenizer = """
            {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]}
            """
        let good = Array(Small.text(addedTokens: added, preTokenizer: preTokenizer).utf8)
        let inserts = [
            "\"", ",", "{", "}", "[", "]", "-", "9", "00000", "null", "true", "1e99", "\\u0000", "é", "a", ":",
        ]
        var random = SeededRandom(seed: 3)
        var loaded = 0
        for _ in 0..<2500 {
            var bytes = good
            for _ in 0..<random.int(1...3) {
                let place = random.int(0...bytes.count - 1)
                switch random.int(0...4) {
                case 0: bytes[place] = UInt8(random.int(0...255))
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + random.int(1...20)))
                case 2: bytes.insert(contentsOf: inserts[random.int(0...inserts.count - 1)].utf8, at: place)
                case 3: bytes.swapAt(place, random.int(0...bytes.count - 1))
                default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 30)], at: place)
                }
                if bytes.isEmpty { bytes = good }
            }
            do {
                let tokenizer = try Small.load(Data(bytes))
                loaded += 1
                let text = "abc ab<x>  12 cab\u{301}é\n"
                let ids = tokenizer.encode(tokenizer.shieldingSpecialTokens(in: text), removingMarkers: true)
                _ = tokenizer.encode(text)
                _ = tokenizer.decode(ids + [-1, 3, 1_000_000])
                var decoder = StreamingDecoder(tokenizer)
                _ = ids.map { decoder.append($0) }
                _ = decoder.finish()
            } catch let error as OuroError {
                #expect([.invalidTokenizer, .unsupported].contains(error.code), "\(error)")
            }
        }
        #expect(loaded > 50, "only \(loaded) of the damaged files loaded")
    }
}
