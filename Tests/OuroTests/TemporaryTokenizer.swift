import Foundation

@testable import Ouro

/// Writes a `tokenizer.json` for a test and reads it.
enum TemporaryTokenizer {
    static func load(_ content: Data) throws -> Tokenizer {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json")
        try content.write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        return try Tokenizer(contentsOf: url)
    }

    static func load(_ content: String) throws -> Tokenizer { try load(Data(content.utf8)) }

    /// A vocabulary of a few letters and the space, with gaps in its ids.
    static let vocabulary = #"{"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 7, "abc": 9, "Ġa": 10, "<": 11, ">": 12}"#
    static let merges = #"["a b", "ab c", "Ġ a"]"#

    /// The text of a small file. Each argument replaces a part of it.
    static func text(
        vocabulary: String = vocabulary, merges: String = merges, addedTokens: String = "[]",
        preTokenizer: String = #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}"#,
        decoder: String = #"{"type": "ByteLevel"}"#, model: String = "", rest: String = ""
    ) -> String {
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": \(addedTokens), "normalizer": null,
        "pre_tokenizer": \(preTokenizer), "decoder": \(decoder), \(rest)
        "model": {"type": "BPE", \(model) "vocab": \(vocabulary), "merges": \(merges)}}
        """
    }

    static func addedToken(_ id: Int, _ content: String, special: Bool = true, _ flags: String...) -> String {
        let names = ["single_word", "lstrip", "rstrip", "normalized"]
        let values = names.map { "\"\($0)\": \(flags.contains($0))" }.joined(separator: ", ")
        return #"{"id": \#(id), "content": "\#(content)", "special": \#(special), \#(values)}"#
    }
}
