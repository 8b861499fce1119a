import Foundation
import Testing

@testable import Ouro
@testable import OuroData

/// Text and JSON lines become documents.
@Suite struct DataPackingTests {
    private static func pack(
        _ folder: DataFolder, _ inputs: [URL], _ change: (inout DataPacking) -> Void = { _ in }
    ) throws -> (summary: DataPacking.Summary, train: TokenDataset) {
        var packing = DataPacking(encoder: try ByteTokenizer.encoder())
        change(&packing)
        let writer = try DatasetWriter(
            folder: folder.file("out"), vocabularySize: 260, endOfText: ByteTokenizer.endOfText, overwrites: true)
        let summary = try packing.run(inputs, to: writer)
        return (summary, try TokenDataset(folder: folder.file("out")))
    }

    private static func bytes(_ text: String) -> [Int32] { text.utf8.map { Int32($0) } }

    @Test func everyKindOfDocumentHasItsLoss() throws {
        let folder = try DataFolder()
        let lines = try folder.write(
            "a.jsonl",
            """
            {"text": "héllo"}

            {"prompt": "2+2=", "completion": "4", "level": 1}
            {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
            """)
        let text = try folder.write("b.txt", "one <|im_end|> two")
        let (summary, dataset) = try Self.pack(folder, [lines, text])
        let tokenizer = try ByteTokenizer.load()
        let documents = try (0..<dataset.documentCount).map { try dataset.document($0) }
        #expect(summary.documents == [.train: 4])
        #expect(documents[0].tokens == Self.bytes("héllo") + [256])
        #expect(documents[0].learns.allSatisfy { $0 })
        #expect(documents[1].tokens == Self.bytes("2+2=4") + [256])
        #expect(documents[1].learns == [false, false, false, false, true, true])
        #expect(documents[2].text(tokenizer, learnt: true) == "ho<|im_end|>")
        #expect(documents[3].tokens == Self.bytes("one <|im_end|> two") + [256], "no control tokens in text")
        #expect(summary.learnt == documents.reduce(0) { $0 + $1.learns.count { $0 } })
    }

    @Test func promptsAreLearntOnRequest() throws {
        let folder = try DataFolder()
        let lines = try folder.write("a.jsonl", #"{"prompt": "2+2=", "completion": "4"}"#)
        let (_, dataset) = try Self.pack(folder, [lines]) { $0.learnsPrompts = true }
        #expect(try dataset.document(0).learns.allSatisfy { $0 })
    }

    @Test func aSeparatorDividesTexts() throws {
        let folder = try DataFolder()
        let text = try folder.write("a.txt", "one\n---\ntwo\n---\n  \n---\nthree")
        let (_, dataset) = try Self.pack(folder, [text]) { $0.separator = "\n---\n" }
        let tokenizer = try ByteTokenizer.load()
        let texts = try (0..<dataset.documentCount).map { try dataset.document($0).text(tokenizer, learnt: true) }
        #expect(texts == ["one<|endoftext|>", "two<|endoftext|>", "three<|endoftext|>"])
    }

    @Test func validationIsDecidedByContent() throws {
        let folder = try DataFolder()
        let lines = (0..<2000).map { #"{"text": "document \#($0 % 1000)"}"# }
        let first = try folder.write("a.jsonl", lines.joined(separator: "\n"))
        let (summary, _) = try Self.pack(folder, [first]) { $0.validationFraction = 0.1 }
        let valid = try TokenDataset(folder: folder.file("out"), part: .valid)
        #expect((120...280).contains(valid.documentCount), "\(valid.documentCount) of 2000")
        #expect(valid.documentCount % 2 == 0, "both copies of a document are on one side")
        let second = try folder.write("b.jsonl", lines.reversed().joined(separator: "\n"))
        let (again, _) = try Self.pack(folder, [second]) { $0.validationFraction = 0.1 }
        #expect(summary == again, "whatever the order")
    }

    @Test(arguments: [
        (#"{"text": 5}"#, "line 2: text"), (#"{"text": "a", "text": "b"}"#, "line 2: text"), ("{", "line 2"),
        ("[1]", "line 2"), (#"{"txt": "a"}"#, "line 2"), (#"{"prompt": "a"}"#, "line 2"),
        (#"{"text": "a", "messages": []}"#, "line 2"), (#"{"prompt": "a", "completion": ""}"#, "line 2: completion"),
        (#"{"prompt": "", "completion": "a"}"#, "line 2: prompt"), (#"{"messages": []}"#, "line 2: messages"),
        (#"{"messages": [{"role": "user", "content": "a"}]}"#, "line 2: messages"),
        (#"{"messages": [{"role": "assistant", "content": "a"}]}"#, "line 2: messages[0]"),
        (#"{"messages": [{"role": "user"}]}"#, "line 2: messages[0]"),
        (#"{"messages": [{"role": "user", "content": null}]}"#, "line 2: messages[0].content"),
        (
            #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [1]}]}"#,
            "line 2: messages[1].tool_calls"
        ),
    ])
    func faultsNameTheirLine(line: String, field: String) throws {
        let folder = try DataFolder()
        let url = try folder.write("a.jsonl", #"{"text": "sound"}"# + "\n" + line + "\n")
        let error = #expect(throws: OuroError.self) { try Self.pack(folder, [url]) }
        #expect(error?.file == url.path)
        #expect(error?.field?.hasPrefix(field) == true, "\(String(describing: error))")
        #expect(throws: OuroError.self, "no data set is left") { try TokenDataset(folder: folder.file("out")) }
    }

    @Test func bytesThatAreNoTextAreRefused() throws {
        let folder = try DataFolder()
        for name in ["a.jsonl", "a.txt"] {
            try (Data(#"{"text": ""#.utf8) + Data([0xFF, 0xFE]) + Data(#""}"#.utf8)).write(to: folder.file(name))
            let error = #expect(throws: OuroError.self) { try Self.pack(folder, [folder.file(name)]) }
            #expect(error?.message.contains("UTF-8") == true)
        }
        try folder.write("empty.txt", " \n")
        #expect(throws: OuroError.self) { try Self.pack(folder, [folder.file("empty.txt")]) }
        #expect(throws: OuroError.self) { try Self.pack(folder, [folder.file("missing.jsonl")]) }
    }

    @Test func damagedLinesAreReadOrRefused() throws {
        let folder = try DataFolder()
        let encoder = try ByteTokenizer.encoder()
        let sound = Array(
            #"{"messages":[{"role":"user","content":"a\u00e9<|im_end|>"},{"role":"assistant","content":"b"}],"n":1}"#
                .utf8)
        var read = 0
        for seed in 0..<1500 {
            var random = SplitMix64(seed: UInt64(seed))
            var bytes = sound
            for _ in 0..<random.int(1...2) where !bytes.isEmpty {
                let index = random.int(0...(bytes.count - 1))
                switch random.int(0...3) {
                case 0: bytes[index] ^= 1 << UInt8(random.int(0...7))
                case 1: bytes.remove(at: index)
                case 2:
                    bytes.insert(
                        contentsOf: Array(["null", "[[", "\"", "\\", "{}", "text"][random.int(0...5)].utf8), at: index)
                default: bytes.removeSubrange(index...)
                }
            }
            do throws(OuroError) {
                switch try DataRecord(Data(bytes), file: "f", line: 1) {
                case .conversation(let messages): _ = try encoder.documents(messages: messages)
                default: break
                }
                read += 1
            } catch {
                #expect(
                    [.invalidData, .invalidTemplate, .invalidRequest].contains(error.code), "seed \(seed): \(error)")
            }
        }
        #expect((100..<1400).contains(read), "\(read) of 1500 read: the changes are too weak or too strong")
        _ = folder
    }

    @Test func linesComeWholeHoweverTheFileIsRead() throws {
        let folder = try DataFolder()
        let lines = (0..<3000).map { String(repeating: "x", count: $0 % 1700) + "\($0)" }
        let url = try folder.write("a", lines.joined(separator: "\n"))
        let reader = try LineReader(contentsOf: url)
        var found: [String] = []
        while let line = try reader.next() { found.append(String(decoding: line, as: UTF8.self)) }
        #expect(found == lines)
        #expect(reader.line == 3000)
        let windows = try LineReader(contentsOf: folder.write("b", "one\r\n\r\ntwo"))
        #expect(
            try [windows.next(), windows.next(), windows.next(), windows.next()].map {
                $0.map { String(decoding: $0, as: UTF8.self) }
            }
                == ["one", "", "two", nil])
    }

    @Test func longTextsAreCutWhereTokensAreNot() throws {
        let text = (0..<200).map { "line \($0)\n" + ($0 % 3 == 0 ? "\n" : "") }.joined()
        let pieces = DocumentEncoder.pieces(of: text, byteCount: 100)
        #expect(pieces.count > 5)
        #expect(pieces.joined() == text)
        for (piece, next) in zip(pieces, pieces.dropFirst()) {
            #expect(piece.hasSuffix("\n") && !piece.hasSuffix("\n\n") && !next.hasPrefix("\n"))
        }
        #expect(DocumentEncoder.pieces(of: "short") == ["short"])
    }

    @Test func syntheticExamplesArePacked() throws {
        let folder = try DataFolder()
        let packing = DataPacking(encoder: try ByteTokenizer.encoder())
        let writer = try DatasetWriter(folder: folder.url, vocabularySize: 260, endOfText: 256)
        let summary = try packing.run(ManoTask(), levels: [1, 2], seed: 3, count: 10, split: .train, to: writer)
        #expect(summary.documents == [.train: 10])
        let document = try TokenDataset(folder: folder.url).document(3)
        let example = try ManoTask().example(seed: 3, index: 3, level: 2, split: .train)
        #expect(document.text(packing.encoder.tokenizer, learnt: true) == example.completion + "<|endoftext|>")
    }
}
