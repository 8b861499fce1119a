/// Writes JSON strings.
package enum JSONText {
    /// Puts a string in quotes. Only the characters that JSON requires are escaped, as in Rust's `serde_json`.
    package static func quote(_ text: String) -> String {
        var result = ""
        append(text, to: &result)
        return result
    }

    /// Appends a string in quotes.
    package static func append(_ text: String, to result: inout String) {
        result += "\""
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
            result += text
            result += "\""
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{08}": result += "\\b"
            case "\u{0C}": result += "\\f"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                result += "\\u" + scalar.value.digits(4, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        result += "\""
    }
}
