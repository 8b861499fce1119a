extension Tokenizer {
    /// Marks a character that does not begin an added token: the marker follows the character. It is a Unicode
    /// noncharacter, which text does not contain.
    public static let literalMarker: Unicode.Scalar = Unicode.Scalar(0xFDD0 as UInt16) ?? "\u{FFFD}"

    private static let marker = Array(String(literalMarker).utf8)

    /// Marks a text so that no part of it becomes a control token in a prompt.
    ///
    /// The function inserts ``literalMarker`` after the first character of every added token in the text. It does the
    /// same for the beginning of an added token at the end of the text.
    /// ``encode(_:parsingSpecialTokens:removingMarkers:)`` removes the markers; markers that the text contained before
    /// are lost.
    ///
    /// The part of the prompt before the text must not end with the beginning of an added token.
    public func shieldingSpecialTokens(in text: String) -> String {
        let bytes = Array(text.utf8)
        let clean = Self.removingMarkers(from: bytes, 0..<bytes.count)
        var shielded: [UInt8] = []
        shielded.reserveCapacity(clean.count)
        var position = 0
        while position < clean.count {
            let length = Self.scalarLength(clean[position])
            shielded += clean[position..<min(position + length, clean.count)]
            if addedTokens.contains(where: { $0.mayBegin(at: position, in: clean) }) { shielded += Self.marker }
            position += length
        }
        return shielded == bytes ? text : String(decoding: shielded, as: UTF8.self)
    }

    /// Whether a marker follows the scalar at `position`.
    static func isMarked(_ position: Int, in text: [UInt8]) -> Bool {
        text[position...].dropFirst(scalarLength(text[position])).starts(with: marker)
    }

    /// The bytes of a range without markers.
    static func removingMarkers(from text: [UInt8], _ range: Range<Int>) -> [UInt8] {
        var clean: [UInt8] = []
        clean.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            if text[position] == marker[0], text[position..<range.upperBound].starts(with: marker) {
                position += marker.count
            } else {
                clean.append(text[position])
                position += 1
            }
        }
        return clean
    }

    /// The length of a scalar in UTF-8 by its first byte.
    private static func scalarLength(_ first: UInt8) -> Int {
        switch first {
        case 0xF0...: 4
        case 0xE0...: 3
        case 0xC0...: 2
        default: 1
        }
    }
}
