// Names, numbers, strings and symbols.
extension Lexer {
    /// Appends the token that begins here.
    ///
    /// - Returns: The symbol, if the token is one.
    mutating func readToken() throws(TemplateError) -> String? {
        guard let scalar = peek() else { return nil }
        let start = line
        if isDigit(scalar) {
            tokens.append(Token(kind: try readNumber(), line: start))
        } else if isNameStart(scalar) {
            let nameStart = position
            while let next = peek(), isNamePart(next) { position += 1 }
            tokens.append(Token(kind: .name(ExactString(Text.string(of: scalars[nameStart..<position]))), line: start))
        } else if scalar == "'" || scalar == "\"" {
            let text = try readString(quote: scalar)
            tokens.append(Token(kind: .string(ExactString(text)), line: start))
        } else {
            let symbol = try readSymbol()
            tokens.append(Token(kind: .symbol(ExactString(symbol)), line: start))
            return symbol
        }
        return nil
    }

    /// Longer symbols come before those they begin with.
    private static let symbols = [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=",
        ".", ":", "|", ",", ";",
    ]

    private mutating func readSymbol() throws(TemplateError) -> String {
        for symbol in Self.symbols where starts(with: symbol, at: position) {
            position += symbol.utf8.count
            return symbol
        }
        let found = peek().map { String($0) } ?? ""
        throw TemplateError("unexpected character '\(found)' in a tag")
    }

    private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    /// Names are Python's identifiers: letters of any script, digits and underscores.
    private func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII
            ? ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || isDigit(scalar) || scalar == "_"
            : scalar.properties.isXIDContinue
    }

    private func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? isNamePart(scalar) && !isDigit(scalar) : scalar.properties.isXIDStart
    }

    private mutating func readDigits() -> String {
        var digits = ""
        while let scalar = peek(), isDigit(scalar) || (scalar == "_" && peek(1).map(isDigit) == true) {
            if scalar != "_" { digits.unicodeScalars.append(scalar) }
            position += 1
        }
        return digits
    }

    /// After a dot a number is an index, and has no fraction: `a.1.2` is `a[1][2]`.
    private mutating func readNumber() throws(TemplateError) -> Token.Kind {
        if let value = try readPrefixedNumber() { return .int(value) }
        let followsDot = tokens.last?.kind == .symbol(".")
        var text = readDigits()
        var isFloat = false
        if !followsDot {
            if peek() == ".", let next = peek(1), isDigit(next) {
                position += 1
                text += "." + readDigits()
                isFloat = true
            }
            if let scalar = peek(), scalar == "e" || scalar == "E" {
                let sign = peek(1) == "+" || peek(1) == "-" ? 1 : 0
                if let next = peek(1 + sign), isDigit(next) {
                    text += sign == 1 && peek(1) == "-" ? "e-" : "e"
                    position += 1 + sign
                    text += readDigits()
                    isFloat = true
                }
            }
        }
        if let next = peek(), isNamePart(next) {
            throw TemplateError("a number is followed by '\(next)'")
        }
        if isFloat {
            guard let value = Double(text), value.isFinite else {
                throw TemplateError("the number \(text.prefix(40)) is out of range")
            }
            return .float(value)
        }
        guard text.count == 1 || !text.hasPrefix("0") || text.allSatisfy({ $0 == "0" }) else {
            throw TemplateError("the number \(text.prefix(40)) begins with a zero")
        }
        guard let value = Int(text) else { throw TemplateError("the number \(text.prefix(40)) is out of range") }
        return .int(value)
    }

    /// Reads an integer in hexadecimal, octal or binary digits: `0x1f`, `0o17`, `0b101`.
    private mutating func readPrefixedNumber() throws(TemplateError) -> Int? {
        guard peek() == "0", let letter = peek(1) else { return nil }
        let radix: Int
        switch letter {
        case "x", "X": radix = 16
        case "o", "O": radix = 8
        case "b", "B": radix = 2
        default: return nil
        }
        func isDigit(_ scalar: Unicode.Scalar) -> Bool {
            scalar.isASCII && Character(scalar).hexDigitValue.map { $0 < radix } ?? false
        }
        position += 2
        var digits = ""
        while let scalar = peek(), isDigit(scalar) || (scalar == "_" && peek(1).map(isDigit) == true) {
            if scalar != "_" { digits.unicodeScalars.append(scalar) }
            position += 1
        }
        if let next = peek(), isNamePart(next) {
            throw TemplateError("a number in base \(radix) is followed by '\(next)'")
        }
        guard !digits.isEmpty else { throw TemplateError("a number in base \(radix) has no digits") }
        guard let value = Int(digits, radix: radix) else {
            throw TemplateError("the number with the digits \(digits.prefix(40)) is out of range")
        }
        return value
    }

    private mutating func readString(quote: Unicode.Scalar) throws(TemplateError) -> String {
        position += 1
        var text = String.UnicodeScalarView()
        while let scalar = peek() {
            position += 1
            if scalar == quote { return String(text) }
            if scalar == "\n" { line += 1 }
            if scalar == "\\" {
                if let escaped = try readEscape() { text.append(contentsOf: escaped.unicodeScalars) }
            } else {
                text.append(scalar)
            }
        }
        throw TemplateError("a string has no end")
    }

    /// Reads one of Python's escapes; nil for an escaped line end. An unknown escape keeps its backslash.
    private mutating func readEscape() throws(TemplateError) -> String? {
        guard let scalar = peek() else { throw TemplateError("a string has no end") }
        position += 1
        switch scalar {
        case "\n":
            line += 1
            return nil
        case "\\", "'", "\"": return String(scalar)
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "a": return "\u{7}"
        case "b": return "\u{8}"
        case "f": return "\u{c}"
        case "v": return "\u{b}"
        case "x": return try readCode(digits: 2)
        case "u": return try readCode(digits: 4)
        case "U": return try readCode(digits: 8)
        case "N": throw TemplateError("characters by name (\\N) are not supported: they need Python's table of names")
        case "0"..."7":
            var value = scalar.value - 48
            for _ in 0..<2 {
                guard let next = peek(), ("0"..."7").contains(next) else { break }
                value = value * 8 + next.value - 48
                position += 1
            }
            return Unicode.Scalar(value).map { String($0) }
        default: return "\\" + String(scalar)
        }
    }

    /// Reads a character by the hexadecimal digits of its code.
    private mutating func readCode(digits: Int) throws(TemplateError) -> String {
        let end = position + digits
        guard end <= scalars.count, let value = UInt32(Text.string(of: scalars[position..<end]), radix: 16),
            scalars[position] != "+", let scalar = Unicode.Scalar(value)
        else {
            throw TemplateError("an escape needs \(digits) hexadecimal digits of a character's code")
        }
        position = end
        return String(scalar)
    }
}
