/// Texts of a fixed width, for tables and for names that sort by number.
extension String {
    /// The text, padded with spaces on the right to `width` characters. A longer text stays as it is.
    package func leftAligned(in width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// The text, padded with spaces on the left to `width` characters. A longer text stays as it is.
    package func rightAligned(in width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

extension FixedWidthInteger {
    /// The digits of a number, padded with zeros on the left to `count` digits. The number must not be negative.
    package func digits(_ count: Int, radix: Int = 10) -> String {
        let digits = String(self, radix: radix)
        return String(repeating: "0", count: Swift.max(0, count - digits.count)) + digits
    }
}
