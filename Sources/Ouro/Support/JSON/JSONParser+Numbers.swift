extension JSONParser {
    /// The powers of ten that doubles have exactly.
    private static let exactPowers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Parses a number. The next byte is `-` or a digit.
    mutating func number() throws(Fault) -> JSONValue {
        let start = position
        let isNegative = bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        // The digits as one integer, as long as it fits.
        var digits: UInt64 = 0
        var fits = true
        guard let first = byte(at: position), isDigit(first) else { throw expected("a digit after '-'") }
        skipDigits(into: &digits, &fits)
        if first == UInt8(ascii: "0"), position - start > (isNegative ? 2 : 1) {
            position = start + (isNegative ? 1 : 0)
            throw Fault(offset: position, message: "expected a number without leading zeros, found \(clipped(start))")
        }
        let whole = position
        var exponent = 0
        if byte(at: position) == UInt8(ascii: ".") {
            position += 1
            let point = position
            skipDigits(into: &digits, &fits)
            guard position > point else { throw expected("a digit after '.'") }
            exponent = point - position
        }
        if byte(at: position).map({ $0 | 0x20 }) == UInt8(ascii: "e") {
            position += 1
            let sign = byte(at: position)
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            var value: UInt64 = 0
            var isSmall = true
            let begin = position
            skipDigits(into: &value, &isSmall)
            guard position > begin else { throw expected("a digit of the exponent") }
            // An exponent beyond these bounds takes the slow path below.
            let bounded = isSmall && value < 10_000 ? Int(value) : 10_000
            exponent += sign == UInt8(ascii: "-") ? -bounded : bounded
        }
        if position == whole {
            guard fits, digits <= UInt64(Int64.max) + (isNegative ? 1 : 0) else {
                return .bigInteger(String(decoding: bytes[start..<position], as: UTF8.self))
            }
            return .int(Int(truncatingIfNeeded: isNegative ? 0 &- digits : digits))
        }
        // Both numbers are exact, so the result of one operation is rounded correctly (Clinger 1990).
        if fits, digits <= 1 << 53, abs(exponent) < Self.exactPowers.count {
            let power = Self.exactPowers[abs(exponent)]
            let value = exponent < 0 ? Double(digits) / power : Double(digits) * power
            return .double(isNegative ? -value : value)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            throw Fault(
                offset: start,
                message: "expected a number within the range of doubles (about 1.8e308), found \(clipped(start))")
        }
        return .double(value)
    }

    private func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private mutating func skipDigits(into value: inout UInt64, _ fits: inout Bool) {
        while position < bytes.count, isDigit(bytes[position]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(bytes[position] - UInt8(ascii: "0")))
            value = sum
            if overflow || carry { fits = false }
            position += 1
        }
    }

    /// The number at a place for an error message, cut after 40 characters.
    private func clipped(_ start: Int) -> String {
        let isPart = { (byte: UInt8) in
            isDigit(byte) || [UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ".")].contains(byte)
                || byte | 0x20 == UInt8(ascii: "e")
        }
        let text = String(decoding: bytes[start...].prefix(41).prefix(while: isPart), as: UTF8.self)
        return text.utf8.count > 40 ? text.prefix(40) + "..." : text
    }
}
