/// The character classes of regular expressions.
///
/// Programs disagree about characters beyond ASCII: ECMA 262 has only ASCII digits and letters, others have all of
/// Unicode's. A class and its negation here have only the characters that both readings agree on.
enum RegexClasses {
    static let anyButNewline = ScalarSet(of: "\n\r\u{2028}\u{2029}").complement
    static let digits = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = ScalarSet([
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000,
    ])
    /// Nothing that any program takes for a space.
    static let notSpace = space.union(ScalarSet([0x1C...0x1F, 0x85...0x85, 0x180E...0x180E, 0xFEFF...0xFEFF]))
        .complement
    static let notDigit = scan { $0.properties.numericType == nil }.subtracting(digits)
    static let notWord = scan { scalar in
        let properties = scalar.properties
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber,
            .connectorPunctuation, .unassigned, .privateUse:
            return false
        default: return !properties.isAlphabetic && !properties.isJoinControl
        }
    }

    /// The class of a letter after a backslash.
    static func shorthand(_ scalar: Unicode.Scalar) -> ScalarSet? {
        switch scalar {
        case "d": digits
        case "D": notDigit
        case "w": word
        case "W": notWord
        case "s": space
        case "S": notSpace
        default: nil
        }
    }

    static func digit(_ scalar: Unicode.Scalar) -> Int? {
        (0x30...0x39).contains(scalar.value) ? Int(scalar.value - 0x30) : nil
    }

    /// Reads a decimal number and moves `index` behind it. Nil if there is no digit. Numbers beyond a billion are cut to it.
    static func number(in scalars: [Unicode.Scalar], at index: inout Int) -> Int? {
        let start = index
        var value = 0
        while index < scalars.count, let digit = digit(scalars[index]) {
            value = min(value * 10 + digit, 1_000_000_000)
            index += 1
        }
        return index > start ? value : nil
    }

    private static func scan(_ contains: (Unicode.Scalar) -> Bool) -> ScalarSet {
        var ranges: [ClosedRange<UInt32>] = []
        var start: UInt32?
        for value in UInt32(0)...0x110000 {
            let isMember = Unicode.Scalar(value).map { $0.value < 0x110000 && contains($0) } ?? false
            if isMember {
                if start == nil { start = value }
            } else if let first = start {
                ranges.append(first...value - 1)
                start = nil
            }
        }
        return ScalarSet(ranges)
    }
}
