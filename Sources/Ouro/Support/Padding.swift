/// Texts of a given width, for tables and for names that sort by their number.
extension String {
    /// The text with spaces after it.
    ///
    /// - Parameters:
    ///   - width: characters of the result, unless the text has more.
    package func leftAligned(in width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// The text with spaces before it.
    ///
    /// - Parameters:
    ///   - width: characters of the result, unless the text has more.
    package func rightAligned(in width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

extension FixedWidthInteger {
    /// The digits of a number that is not negative, with zeros before them.
    ///
    /// - Parameters:
    ///   - count: digits of the result, unless the number has more.
    package func digits(_ count: Int, radix: Int = 10) -> String {
        let digits = String(self, radix: radix)
        return String(repeating: "0", count: Swift.max(0, count - digits.count)) + digits
    }
}
