import Foundation

/// The structure of a Hugging Face `tokenizer.json`, before its content is checked.
struct TokenizerFile {
    struct AddedToken {
        let id: Int
        let content: String
        let isSingleWord: Bool
        let stripsLeft: Bool
        let stripsRight: Bool
        let isNormalized: Bool
        let isSpecial: Bool

        init(_ fields: Fields) throws(OuroError) {
            func flag(_ name: String) throws(OuroError) -> Bool { try fields.required(name, fields.flag(name)) }
            id = try fields.required("id", fields.integer("id"))
            content = try fields.required("content", fields.string("content"))
            isSingleWord = try flag("single_word")
            stripsLeft = try flag("lstrip")
            stripsRight = try flag("rstrip")
            isNormalized = try flag("normalized")
            isSpecial = try flag("special")
        }
    }

    /// All members. The small parts are read by ``TokenizerComponents``.
    let fields: Fields
    let addedTokens: [AddedToken]
    let model: Model

    /// Reads a file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`, or with `invalidTokenizer` if a part is missing or has another
    ///   type.
    init(contentsOf url: URL, limit: Int) throws(OuroError) {
        let data = try LimitedFile.read(url, limit: limit, code: .invalidTokenizer)
        fields = try Fields(parsing: data, source: .init(code: .invalidTokenizer, file: url.path))
        model = try Model(fields.required("model", fields.object("model")))
        var tokens: [AddedToken] = []
        for entry in try fields.objects("added_tokens") ?? [] { tokens.append(try AddedToken(entry)) }
        addedTokens = tokens
    }
}

extension TokenizerFile {
    struct Model {
        let fields: Fields
        /// Missing in older files.
        let type: String?
        /// The spellings with their IDs. Empty in a model of another type, like the merges.
        var vocabulary: [(piece: String, id: Int)] = []
        var merges = Merges.pairs([])

        init(_ fields: Fields) throws(OuroError) {
            self.fields = fields
            type = try fields.string("type")
            guard type == nil || type == "BPE" else { return }
            let ids = try fields.required("vocab", fields.object("vocab"))
            vocabulary.reserveCapacity(ids.members.count)
            for (piece, value) in ids.members {
                guard case .int(let id) = value else {
                    throw ids.mismatch(NameList.clipped(piece), value, "an integer as the token's id")
                }
                vocabulary.append((piece, id))
            }
            merges = try Merges(fields)
        }
    }

    /// The two published forms of the merges.
    enum Merges {
        /// `"left right"`, as in `merges.txt`.
        case lines([String])
        /// `["left", "right"]`.
        case pairs([[String]])

        init(_ fields: Fields) throws(OuroError) {
            let elements = try fields.required("merges", fields.array("merges", of: "merges"))
            if case .array? = elements.first {
                var pairs: [[String]] = []
                pairs.reserveCapacity(elements.count)
                for (index, element) in elements.enumerated() {
                    guard case .array(let parts) = element, let pair = Self.strings(parts) else {
                        throw fields.mismatch("merges[\(index)]", element, "an array of two tokens like the first")
                    }
                    pairs.append(pair)
                }
                self = .pairs(pairs)
            } else {
                var lines: [String] = []
                lines.reserveCapacity(elements.count)
                for (index, element) in elements.enumerated() {
                    guard case .string(let line) = element else {
                        throw fields.mismatch("merges[\(index)]", element, "a string with two tokens")
                    }
                    lines.append(line)
                }
                self = .lines(lines)
            }
        }

        private static func strings(_ values: [JSONValue]) -> [String]? {
            var strings: [String] = []
            for value in values {
                guard case .string(let text) = value else { return nil }
                strings.append(text)
            }
            return strings
        }
    }
}
