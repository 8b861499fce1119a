extension Tokenizer {
    /// Decodes tokens into text, like the reference implementation's `decode`.
    ///
    /// Bytes that are not valid UTF-8 become U+FFFD, one for each maximal part of a character. IDs outside the
    /// vocabulary are skipped.
    ///
    /// - Parameters:
    ///   - ids: token IDs.
    ///   - skippingSpecialTokens: whether special tokens are left out of the text.
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

    /// Appends the bytes of a token. Without a decoder, the reference implementation joins the pieces with spaces.
    fileprivate func append(_ token: TokenVocabulary.Token, isFirst: Bool, to bytes: inout [UInt8]) {
        if hasByteLevelDecoder {
            bytes += token.bytes
        } else {
            if !isFirst { bytes.append(UInt8(ascii: " ")) }
            bytes += token.piece.utf8
        }
    }
}

/// Decodes tokens one by one into whole characters.
///
/// The joined results are equal to ``Tokenizer/decode(_:skippingSpecialTokens:)`` of all tokens. The bytes of an
/// incomplete character are held back until later tokens complete it.
public struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skippingSpecialTokens: Bool
    private var held: [UInt8] = []
    private var isFirst = true

    /// Makes a decoder for one text.
    ///
    /// - Parameters:
    ///   - tokenizer: the tokenizer of the tokens.
    ///   - skippingSpecialTokens: whether special tokens are left out of the text.
    public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = false) {
        self.tokenizer = tokenizer
        self.skippingSpecialTokens = skippingSpecialTokens
    }

    /// Appends a token. Returns the text that is complete with it, possibly none.
    public mutating func append(_ id: Int) -> String {
        guard let token = tokenizer.vocabulary.token(id), !(skippingSpecialTokens && token.isSpecial) else { return "" }
        tokenizer.append(token, isFirst: isFirst, to: &held)
        isFirst = false
        let count = held.count - Self.unfinishedLength(of: held)
        let text = String(decoding: held[..<count], as: UTF8.self)
        held.removeFirst(count)
        return text
    }

    /// Ends the text. Returns the bytes that were held back, where an incomplete character is U+FFFD. Afterwards the
    /// decoder can decode another text.
    public mutating func finish() -> String {
        defer {
            held.removeAll()
            isFirst = true
        }
        return String(decoding: held, as: UTF8.self)
    }

    /// The length of an incomplete but valid character at the end; 0 if there is none.
    private static func unfinishedLength(of bytes: [UInt8]) -> Int {
        for length in 1...3 {
            guard length <= bytes.count else { return 0 }
            let first = bytes[bytes.count - length]
            // A byte inside a character. The first byte of the character comes earlier.
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
            // The second byte is limited: no surrogates, no overlong forms, nothing above U+10FFFF.
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
