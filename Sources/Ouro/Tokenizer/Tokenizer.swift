import Foundation

/// A byte-level BPE tokenizer, read from a Hugging Face `tokenizer.json`. It gives the same tokens as the reference
/// implementation (`tokenizers` 0.22).
///
/// A tokenizer of another kind, or with an unsupported part, is an error that names the part. Otherwise slightly wrong
/// tokens would go unnoticed. Post-processors that add tokens are not supported, so encoding adds none.
public struct Tokenizer: Sendable {
    let vocabulary: TokenVocabulary
    let merges: MergeTable
    let preTokenizer: PreTokenizer
    /// The tokens of single bytes or characters.
    let symbols: TokenSymbols
    /// In the order in which they are searched for.
    let addedTokens: [AddedTokens]
    /// Whether a word that is a token becomes this token, whatever the merges give.
    let ignoresMerges: Bool
    /// Whether decoding turns pieces into bytes. If not, it joins pieces with spaces.
    let hasByteLevelDecoder: Bool

    /// Most bytes of a file. Published files have 2 to 30 MB.
    private static let fileLimit = 256 << 20

    /// Reads a `tokenizer.json`.
    ///
    /// - Throws: ``OuroError`` with one of these codes:
    ///   - `unreadableFile` if the file cannot be read;
    ///   - `invalidTokenizer` if the file is malformed or contradicts itself;
    ///   - `unsupported` for a tokenizer of another kind.
    public init(contentsOf url: URL) throws(OuroError) {
        let content = try TokenizerFile(contentsOf: url, limit: Self.fileLimit)
        let components = try TokenizerComponents(content)
        preTokenizer = components.preTokenizer
        hasByteLevelDecoder = components.hasByteLevelDecoder
        vocabulary = try TokenVocabulary(content, file: url.path)
        merges = try vocabulary.merges(content.model.merges, file: url.path)
        symbols = TokenSymbols(vocabulary, ofBytes: preTokenizer.byteLevel != nil)
        addedTokens = [vocabulary.addedTokens.exact, vocabulary.addedTokens.normalized]
            .filter { !$0.isEmpty }.map { AddedTokens($0) }
        ignoresMerges = try content.model.fields.flag("ignore_merges") ?? false
    }

    /// The largest ID plus one. A file that does not use all IDs has fewer tokens.
    public var vocabularySize: Int { vocabulary.size }

    /// The bytes of a token in decoded text, possibly a part of a character. Nil if `id` is not in the vocabulary.
    public func bytes(of id: Int) -> [UInt8]? { vocabulary.token(id)?.bytes }

    /// The spelling of a token in the vocabulary, where `Ġ` is a space. Empty if `id` is not in the vocabulary.
    public func piece(_ id: Int) -> String { vocabulary.token(id)?.piece ?? "" }

    /// The ID of a spelling. Nil if no token has it.
    public func id(of token: String) -> Int? { vocabulary.id(of: token.utf8).map { Int($0) } }

    /// Whether a token is a control token and not text.
    public func isSpecial(_ id: Int) -> Bool { vocabulary.token(id)?.isSpecial ?? false }

    /// The bytes without a token. The reference implementation silently drops them from a text, so callers should warn.
    public var missingBytes: [UInt8] { symbols.missingBytes }
}

/// The tokens of single bytes or characters. Words consist of them before any merge.
struct TokenSymbols: Sendable {
    /// Tokens by byte; -1 for bytes without a token.
    private var bytes = [Int32](repeating: -1, count: 256)
    /// Tokens by scalar, for a vocabulary of characters; otherwise nil.
    private var scalars: [UInt32: Int32]?
    let missingBytes: [UInt8]

    init(_ vocabulary: TokenVocabulary, ofBytes: Bool) {
        if ofBytes {
            for byte in UInt8.min...UInt8.max {
                bytes[Int(byte)] = vocabulary.modelID(of: ByteAlphabet.spelling(of: [byte])) ?? -1
            }
            missingBytes = (UInt8.min...UInt8.max).filter { [bytes] in bytes[Int($0)] < 0 }
        } else {
            var scalars: [UInt32: Int32] = [:]
            for id in 0..<vocabulary.size {
                guard let piece = vocabulary.token(id)?.piece, piece.unicodeScalars.count == 1,
                    let scalar = piece.unicodeScalars.first, let symbol = vocabulary.modelID(of: piece.utf8)
                else { continue }
                scalars[scalar.value] = symbol
            }
            self.scalars = scalars
            // The other bytes are not characters of their own.
            missingBytes = (0..<0x80).filter { scalars[UInt32($0)] == nil }
        }
    }

    /// Appends the symbols of `text[word]`. Bytes or characters without a token are skipped.
    func append(_ text: [UInt8], _ word: Range<Int>, to symbols: inout [Int32]) {
        if let scalars {
            for scalar in String(decoding: text[word], as: UTF8.self).unicodeScalars {
                if let symbol = scalars[scalar.value] { symbols.append(symbol) }
            }
        } else {
            for position in word where bytes[Int(text[position])] >= 0 { symbols.append(bytes[Int(text[position])]) }
        }
    }
}

extension Tokenizer {
    /// The token that spells a whole word, for `ignoresMerges`. Nil if there is none.
    func wholeWord(_ word: ArraySlice<UInt8>) -> Int? {
        let id =
            preTokenizer.byteLevel == nil
            ? vocabulary.modelID(of: word) : vocabulary.modelID(of: ByteAlphabet.spelling(of: word))
        return id.map { Int($0) }
    }
}
