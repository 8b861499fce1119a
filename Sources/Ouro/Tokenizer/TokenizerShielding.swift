extension Tokenizer {
    /// Says that no added token begins at the character before it. A noncharacter, which text has no use for.
    public static let literalMarker: Unicode.Scalar = Unicode.Scalar(0xFDD0 as UInt16) ?? "\u{FFFD}"

    private static let marker = Array(String(literalMarker).utf8)

    /// Marks `text` so that nothing in it becomes a control token where it stands in a prompt, whatever follows it.
    ///
    /// Puts ``literalMarker`` after the first character of every added token in the text, and of what could become one
    /// at its end. ``encode(_:parsingSpecialTokens:removingMarkers:)`` takes the markers out again; markers that were
    /// in the text before are lost. What stands before `text` in the prompt must not end with the beginning of an added
    /// token.
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

    /// Whether the scalar that begins at `position` is followed by a marker.
    static func isMarked(_ position: Int, in text: [UInt8]) -> Bool {
        text[position...].dropFirst(scalarLength(text[position])).starts(with: marker)
    }

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

    private static func scalarLength(_ first: UInt8) -> Int {
        switch first {
        case 0xF0...: 4
        case 0xE0...: 3
        case 0xC0...: 2
        default: 1
        }
    }
}
