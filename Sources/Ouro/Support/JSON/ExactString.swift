/// A string as a key. It equals another string only if both have the same UTF-8 bytes.
///
/// Swift's `String` also equals other spellings of the same characters: "\u{e9}" and "e\u{301}" would be one key. In
/// files and requests they are two names.
package struct ExactString: Hashable, Sendable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(stringLiteral text: String) { self.text = text }

    package var description: String { text }

    package static func == (left: ExactString, right: ExactString) -> Bool { left.text.hasSameBytes(as: right.text) }

    package func hash(into hasher: inout Hasher) { text.hashBytes(into: &hasher) }

    /// The order of UTF-8 bytes, which is the order of code points.
    package static func < (left: ExactString, right: ExactString) -> Bool { left.text.precedesInBytes(right.text) }
}

extension String {
    /// Whether two strings have the same UTF-8 bytes. `==` is also true for other spellings of the same characters.
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// The order of UTF-8 bytes, which is the order of code points. `<` orders by normalised characters.
    package func precedesInBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }

    /// Feeds the UTF-8 bytes into a hasher.
    package func hashBytes(into hasher: inout Hasher) {
        var text = self
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xFF as UInt8)
    }
}

extension Sequence<String> {
    /// The strings in the order of their UTF-8 bytes.
    package func sortedByBytes() -> [String] { sorted { $0.precedesInBytes($1) } }

    /// Whether the sequence has a string with the same UTF-8 bytes.
    package func containsBytes(of text: String) -> Bool { contains { $0.hasSameBytes(as: text) } }
}
