/// A number in decimal notation, exactly: a sign, and digits before and after the point.
struct DecimalNumber: Sendable, Hashable {
    let isNegative: Bool
    /// The digits before the point, without leading zeros. Empty for 0.
    let whole: [UInt8]
    /// The digits after the point, without trailing zeros.
    let fraction: [UInt8]

    /// The largest exponent, in either direction.
    private static let exponentLimit = 400

    /// Reads a JSON number. Nil if the text is none, or if its exponent is too large.
    init?(_ text: String) {
        var bytes = Array(text.utf8)[...]
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isNegative { bytes.removeFirst() }
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "."): point = digits.count
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                if bytes.first == UInt8(ascii: "+") { bytes.removeFirst() }
                guard let value = Int(String(decoding: bytes, as: UTF8.self)), abs(value) <= Self.exponentLimit else {
                    return nil
                }
                exponent = value
                bytes = []
            default: return nil
            }
        }
        guard !digits.isEmpty, digits.count <= 1024 else { return nil }
        let place = (point ?? digits.count) + exponent
        if place < 0 { digits = [UInt8](repeating: 0, count: -place) + digits }
        let start = max(place, 0)
        if start > digits.count { digits += [UInt8](repeating: 0, count: start - digits.count) }
        self.init(isNegative: isNegative, whole: Array(digits[..<start]), fraction: Array(digits[start...]))
    }

    init(isNegative: Bool, whole: [UInt8], fraction: [UInt8]) {
        self.whole = Array(whole.drop { $0 == 0 })
        self.fraction = Array(fraction.reversed().drop { $0 == 0 }.reversed())
        self.isNegative = isNegative && !(self.whole.isEmpty && self.fraction.isEmpty)
    }

    var isZero: Bool { whole.isEmpty && fraction.isEmpty }
    var isInteger: Bool { fraction.isEmpty }
    var magnitude: DecimalNumber { DecimalNumber(isNegative: false, whole: whole, fraction: fraction) }

    /// The value, if it is an integer that fits.
    var integer: Int? {
        guard isInteger else { return nil }
        var value = 0
        for digit in whole {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int(digit))
            if overflow || overflow2 { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    /// Whether the magnitude is smaller than another one's.
    private func isSmaller(than other: DecimalNumber) -> Bool {
        if whole.count != other.whole.count { return whole.count < other.whole.count }
        if whole != other.whole { return whole.lexicographicallyPrecedes(other.whole) }
        return fraction.lexicographicallyPrecedes(other.fraction)
    }
}

extension DecimalNumber: Comparable {
    static func < (a: DecimalNumber, b: DecimalNumber) -> Bool {
        if a.isNegative != b.isNegative { return a.isNegative }
        return a.isNegative ? b.isSmaller(than: a) : a.isSmaller(than: b)
    }
}
