import Foundation

/// A byte-level BPE tokenizer read from a Hugging Face `tokenizer.json`, exact with the reference (`tokenizers` 0.22).
///
/// A tokenizer of another kind, or with a part that is not implemented, is refused by name: a prompt of slightly wrong
/// tokens would go unnoticed. Post-processors that add tokens are among what is refused, so ``encode`` adds none.
public struct Tokenizer: Sendable {
    let vocabulary: TokenVocabulary
    let merges: MergeTable
    let preTokenizer: PreTokenizer
    /// The tokens that single bytes or characters are.
    let symbols: TokenSymbols
    /// In the order in which they are looked for.
    let addedTokens: [AddedTokens]
    /// Whether a word that is a token is taken whole, whatever the merges would make of it.
    let ignoresMerges: Bool
    let hasByteLevelDecoder: Bool

    /// The longest file, in bytes. Published ones have 2 to 30 MB.
    private static let fileLimit = 256 << 20

    /// Reads a `tokenizer.json`.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`, `invalidTokenizer` if the file contradicts itself, or
    ///   `unsupported` for another kind of tokenizer.
    public init(contentsOf url: URL) throws(OuroError) {
        let data = try StrictJSON.read(url, limit: Self.fileLimit, code: .invalidTokenizer)
        let content = try StrictJSON.decode(TokenizerFile.self, from: data, file: url.path, code: .invalidTokenizer)
        let components = try TokenizerComponents(content, file: url.path)
        preTokenizer = components.preTokenizer
        hasByteLevelDecoder = components.hasByteLevelDecoder
        vocabulary = try TokenVocabulary(content, file: url.path)
        merges = try vocabulary.merges(content.model.merges, file: url.path)
        symbols = TokenSymbols(vocabulary, ofBytes: preTokenizer.byteLevel != nil)
        addedTokens = [vocabulary.addedTokens.exact, vocabulary.addedTokens.normalized]
            .filter { !$0.isEmpty }.map { AddedTokens($0) }
        ignoresMerges = content.model.ignore_merges ?? false
    }

    /// One more than the largest id. If the file leaves ids out, there are fewer tokens.
    public var vocabularySize: Int { vocabulary.size }

    /// What a token stands for in decoded text; may be part of a character. Nil if `id` is not in the vocabulary.
    public func bytes(of id: Int) -> [UInt8]? { vocabulary.token(id)?.bytes }

    /// The vocabulary's own spelling of a token, in which `Ġ` is a space; empty if `id` is not in the vocabulary.
    public func piece(_ id: Int) -> String { vocabulary.token(id)?.piece ?? "" }

    /// The token with this spelling.
    public func id(of token: String) -> Int? { vocabulary.id(of: token.utf8).map { Int($0) } }

    /// Whether a token is control, not text.
    public func isSpecial(_ id: Int) -> Bool { vocabulary.token(id)?.isSpecial ?? false }

    /// The bytes that have no token. The reference drops them from the text without a word; callers should warn.
    public var missingBytes: [UInt8] { symbols.missingBytes }
}

/// The tokens that words are made of before any merge.
struct TokenSymbols: Sendable {
    /// By byte; -1 where there is none.
    private var bytes = [Int32](repeating: -1, count: 256)
    /// By scalar, in a vocabulary of characters; otherwise nil.
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
            // Other bytes are no characters by themselves.
            missingBytes = (0..<0x80).filter { scalars[UInt32($0)] == nil }
        }
    }

    /// Appends the symbols of `text[word]`, passing over what has no token.
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
    /// The token that a word is as a whole, for ``ignoresMerges``.
    func wholeWord(_ word: ArraySlice<UInt8>) -> Int? {
        let id =
            preTokenizer.byteLevel == nil
            ? vocabulary.modelID(of: word) : vocabulary.modelID(of: ByteAlphabet.spelling(of: word))
        return id.map { Int($0) }
    }
}
