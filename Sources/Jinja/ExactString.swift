/// A string that equals another only if both have the same code points, as in Python.
///
/// Swift's `String` also equals other spellings of the same characters: "\u{e9}" equals "e\u{301}", and the Kelvin sign
/// equals "K". So every name of a template, and every key of a dictionary, is an `ExactString`.
package struct ExactString: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    package static func == (left: ExactString, right: ExactString) -> Bool {
        left.text.utf8.count == right.text.utf8.count && left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xff as UInt8)
    }
}

extension ExactString: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.text = text }
}

extension ExactString: Comparable {
    /// The order of code points, which is that of UTF-8 bytes.
    package static func < (left: ExactString, right: ExactString) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}

extension ExactString: CustomStringConvertible {
    package var description: String { text }
}

// In this module these take the place of Swift's generic operators for strings.

func != (left: String, right: String) -> Bool { ExactString(left) != ExactString(right) }

func ~= (pattern: String, text: String) -> Bool { ExactString(pattern) == ExactString(text) }

#if CHECK_STRINGS
    // Scripts/check_strings.sh compiles the module with these. Swift's own operators have the same types, so `==` and `<` of
    // two strings are ambiguous then: an error at each place that does not compare as `ExactString`.

    func == (left: String, right: String) -> Bool { ExactString(left) == ExactString(right) }

    func < (left: String, right: String) -> Bool { ExactString(left) < ExactString(right) }
#endif
