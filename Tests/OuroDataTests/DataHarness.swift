import Foundation
import Testing

@testable import Ouro
@testable import OuroData

/// A temporary folder that is deleted together with this value.
final class DataFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("ouro-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    func file(_ name: String) -> URL { url.appendingPathComponent(name) }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> URL {
        try Data(text.utf8).write(to: file(name))
        return file(name)
    }

    /// Writes a shard of documents with these tokens. All of them are learnt.
    func shard(named name: String = "x.tokens", vocabularySize: Int = 1000, _ documents: [[Int32]]) throws -> TokenShard
    {
        let writer = try TokenShardWriter(to: file(name), vocabularySize: vocabularySize)
        for tokens in documents {
            try writer.append(TokenDocument(tokens: tokens, learns: tokens.map { _ in true }))
        }
        try writer.finish()
        return try TokenShard(contentsOf: file(name))
    }
}

/// A tokenizer with one token per byte, and the special tokens of conversations.
enum ByteTokenizer {
    static let (endOfText, start, end, think) = (256, 257, 258, 259)

    static func load() throws -> Tokenizer {
        let vocabulary = try ByteAlphabet.scalars.enumerated()
            .map { String(decoding: try JSONEncoder().encode(String($1)), as: UTF8.self) + ": \($0)" }
        let added = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>"].enumerated().map {
            #"{"id": \#(256 + $0), "content": "\#($1)", "special": true, "single_word": false, "lstrip": false, "#
                + #""rstrip": false, "normalized": false}"#
        }
        let folder = try DataFolder()
        let url = try folder.write(
            "tokenizer.json",
            """
            {"version": "1.0", "truncation": null, "padding": null, "normalizer": null,
            "added_tokens": [\(added.joined(separator: ", "))],
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
            "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "vocab": {\(vocabulary.joined(separator: ", "))}, "merges": []}}
            """)
        return try Tokenizer(contentsOf: url)
    }

    static func encoder(_ template: String? = nil) throws -> DocumentEncoder {
        DocumentEncoder(
            tokenizer: try load(), template: try template.map { try ChatTemplate(source: $0) } ?? .chatML,
            endOfText: endOfText)
    }
}

extension TokenDocument {
    /// The text of the tokens that are learnt, or of those that are not. It includes special tokens.
    func text(_ tokenizer: Tokenizer, learnt: Bool) -> String {
        tokenizer.decode(zip(tokens, learns).filter { $0.1 == learnt }.map { Int($0.0) })
    }
}

extension SplitMix64 {
    init(seed: UInt64) { self.init(state: seed) }

    mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
}
