extension JSONParser {
    /// Parses a string. The next byte is its opening quote.
    mutating func string() throws(Fault) -> String {
        position += 1
        let start = position
        try skipPlainText()
        if bytes[position] == UInt8(ascii: "\"") {
            defer { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: bytes[start..<position])
        while bytes[position] != UInt8(ascii: "\"") {
            try escape()
            let start = position
            try skipPlainText()
            scratch.append(contentsOf: bytes[start..<position])
        }
        position += 1
        return String(decoding: scratch, as: UTF8.self)
    }

    /// Skips the text of a string up to a quote or a backslash, which must exist. Checks that the text is UTF-8 without
    /// control characters.
    private mutating func skipPlainText() throws(Fault) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highBits: UInt64 = 0x8080_8080_8080_8080
        while true {
            // Eight bytes at once, if none of them needs a closer look.
            while position + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
                let backslashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
                let marked =
                    word | ((word &- ones &* 0x20) & ~word) | ((quotes &- ones) & ~quotes)
                    | ((backslashes &- ones) & ~backslashes)
                guard marked & highBits == 0 else { break }
                position += 8
            }
            let end = min(position + 8, bytes.count)
            while position < end {
                switch bytes[position] {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): return
                case 0x20..<0x80: position += 1
                case 0x80...:
                    let length = utf8Length(at: position)
                    guard length > 0 else { throw expected("UTF-8") }
                    position += length
                default:
                    throw Fault(
                        offset: position,
                        message: "expected no control characters in a string, found \(found(at: position)); "
                            + "write it as an escape such as \\n")
                }
            }
            guard position < bytes.count else { throw expected("'\"' at the end of the string") }
        }
    }

    /// The length of the UTF-8 sequence at a place; 0 if it is not valid.
    func utf8Length(at offset: Int) -> Int {
        func isTail(_ index: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            byte(at: offset + index).map(range.contains) ?? false
        }
        switch bytes[offset] {
        case ..<0x80: return 1
        case 0xC2...0xDF: return isTail(1) ? 2 : 0
        case 0xE0: return isTail(1, 0xA0...0xBF) && isTail(2) ? 3 : 0
        // The surrogates are left out.
        case 0xED: return isTail(1, 0x80...0x9F) && isTail(2) ? 3 : 0
        case 0xE1...0xEF: return isTail(1) && isTail(2) ? 3 : 0
        case 0xF0: return isTail(1, 0x90...0xBF) && isTail(2) && isTail(3) ? 4 : 0
        case 0xF1...0xF3: return isTail(1) && isTail(2) && isTail(3) ? 4 : 0
        case 0xF4: return isTail(1, 0x80...0x8F) && isTail(2) && isTail(3) ? 4 : 0
        default: return 0
        }
    }

    /// Appends the character of an escape to `scratch`. The next byte is the backslash.
    private mutating func escape() throws(Fault) {
        let start = position
        position += 1
        switch byte(at: position) {
        case UInt8(ascii: "\""): scratch.append(UInt8(ascii: "\""))
        case UInt8(ascii: "\\"): scratch.append(UInt8(ascii: "\\"))
        case UInt8(ascii: "/"): scratch.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b"): scratch.append(0x08)
        case UInt8(ascii: "f"): scratch.append(0x0C)
        case UInt8(ascii: "n"): scratch.append(0x0A)
        case UInt8(ascii: "r"): scratch.append(0x0D)
        case UInt8(ascii: "t"): scratch.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            var value = try hexadecimal()
            if 0xD800...0xDBFF ~= value, byte(at: position) == UInt8(ascii: "\\"),
                byte(at: position + 1) == UInt8(ascii: "u")
            {
                position += 2
                let low = try hexadecimal()
                guard 0xDC00...0xDFFF ~= low else { throw loneSurrogate(start, value) }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw loneSurrogate(start, value) }
            scratch.append(contentsOf: Array(String(scalar).utf8))
            return
        default: throw expected("one of \" \\ / b f n r t u after '\\'")
        }
        position += 1
    }

    private func loneSurrogate(_ offset: Int, _ value: UInt32) -> Fault {
        Fault(
            offset: offset,
            message: "expected a character or a pair of surrogates, found the lone surrogate \\u"
                + value.digits(4, radix: 16))
    }

    /// Four hexadecimal digits.
    private mutating func hexadecimal() throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch byte(at: position) {
            case let byte? where UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte: digit = byte - UInt8(ascii: "0")
            case let byte? where UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte: digit = byte - UInt8(ascii: "a") + 10
            case let byte? where UInt8(ascii: "A")...UInt8(ascii: "F") ~= byte: digit = byte - UInt8(ascii: "A") + 10
            default: throw expected("four hexadecimal digits after '\\u'")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
