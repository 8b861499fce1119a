extension Tokenizer {
    /// The text of tokens: the reference's `decode`.
    ///
    /// Bytes that are not UTF-8 become U+FFFD, one for each maximal part of a character; ids outside the vocabulary are
    /// passed over.
    public func decode(_ ids: [Int], skippingSpecialTokens: Bool = false) -> String {
        var bytes: [UInt8] = []
        var isFirst = true
        for id in ids {
            guard let token = vocabulary.token(id), !(skippingSpecialTokens && token.isSpecial) else { continue }
            append(token, isFirst: isFirst, to: &bytes)
            isFirst = false
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Without a decoder the reference joins the vocabulary's own spellings with spaces.
    fileprivate func append(_ token: TokenVocabulary.Token, isFirst: Bool, to bytes: inout [UInt8]) {
        if hasByteLevelDecoder {
            bytes += token.bytes
        } else {
            if !isFirst { bytes.append(UInt8(ascii: " ")) }
            bytes += token.piece.utf8
        }
    }
}

/// Turns tokens into text one by one, in whole characters.
///
/// What it gives out, joined, is ``Tokenizer/decode(_:skippingSpecialTokens:)`` of all the tokens; the beginning of a
/// character that later tokens may complete is held back.
public struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skippingSpecialTokens: Bool
    private var held: [UInt8] = []
    private var isFirst = true

    public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = false) {
        self.tokenizer = tokenizer
        self.skippingSpecialTokens = skippingSpecialTokens
    }

    /// The text that is certain once `id` has come; may be empty.
    public mutating func append(_ id: Int) -> String {
        guard let token = tokenizer.vocabulary.token(id), !(skippingSpecialTokens && token.isSpecial) else { return "" }
        tokenizer.append(token, isFirst: isFirst, to: &held)
        isFirst = false
        let count = held.count - Self.unfinishedLength(of: held)
        let text = String(decoding: held[..<count], as: UTF8.self)
        held.removeFirst(count)
        return text
    }

    /// What was held back, when no more tokens come: U+FFFD if that is half a character. The decoder can then start
    /// another text.
    public mutating func finish() -> String {
        defer {
            held.removeAll()
            isFirst = true
        }
        return String(decoding: held, as: UTF8.self)
    }

    /// The length of the character at the end that is valid so far and lacks bytes; otherwise 0.
    private static func unfinishedLength(of bytes: [UInt8]) -> Int {
        for length in 1...3 {
            guard length <= bytes.count else { return 0 }
            let first = bytes[bytes.count - length]
            // Bytes within a character; its first byte stands further back.
            if first & 0xC0 == 0x80 { continue }
            let wanted =
                switch first {
                case 0xC2...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF4: 4
                default: 0
                }
            guard length < wanted else { return 0 }
            guard length > 1 else { return length }
            // Not every second byte may follow: no surrogates, nothing longer than needed, nothing above U+10FFFF.
            let allowed: ClosedRange<UInt8> =
                switch first {
                case 0xE0: 0xA0...0xBF
                case 0xED: 0x80...0x9F
                case 0xF0: 0x90...0xBF
                case 0xF4: 0x80...0x8F
                default: 0x80...0xBF
                }
            return allowed.contains(bytes[bytes.count - length + 1]) ? length : 0
        }
        return 0
    }
}
