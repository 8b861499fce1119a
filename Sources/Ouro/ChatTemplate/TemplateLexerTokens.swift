// The tokens inside of tags: names, numbers, strings and operators.

extension TemplateLexer {
    /// Reads one token; returns the symbol if it is one.
    mutating func readToken() throws(TemplateFailure) -> String? {
        guard let scalar = peek() else { return nil }
        let start = line
        if isDigit(scalar) {
            tokens.append(TemplateToken(kind: try readNumber(), line: start))
        } else if isNamePart(scalar) {
            let nameStart = position
            while let next = peek(), isNamePart(next) { position += 1 }
            tokens.append(TemplateToken(kind: .name(makeString(scalars[nameStart..<position])), line: start))
        } else if scalar == "'" || scalar == "\"" {
            let text = try readString(quote: scalar)
            tokens.append(TemplateToken(kind: .string(text), line: start))
        } else {
            let symbol = try readSymbol()
            tokens.append(TemplateToken(kind: .symbol(symbol), line: start))
            return symbol
        }
        return nil
    }

    private static let symbols = [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=",
        ".", ":", "|", ",", ";",
    ]

    private mutating func readSymbol() throws(TemplateFailure) -> String {
        for symbol in Self.symbols where starts(with: symbol, at: position) {
            position += symbol.utf8.count
            return symbol
        }
        let found = peek().map { String($0) } ?? ""
        throw TemplateFailure("unexpected character '\(found)' in a tag")
    }

    private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    private func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || isDigit(scalar) || scalar == "_"
    }

    private mutating func readDigits() -> String {
        var digits = ""
        while let scalar = peek(), isDigit(scalar) || (scalar == "_" && peek(1).map(isDigit) == true) {
            if scalar != "_" { digits.unicodeScalars.append(scalar) }
            position += 1
        }
        return digits
    }

    private mutating func readNumber() throws(TemplateFailure) -> TemplateToken.Kind {
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
            throw TemplateFailure("a number is followed by '\(next)'; only decimal numbers are supported")
        }
        if isFloat {
            guard let value = Double(text), value.isFinite else {
                throw TemplateFailure("the number \(text.prefix(40)) is out of range")
            }
            return .float(value)
        }
        guard text.count == 1 || !text.hasPrefix("0") || text.allSatisfy({ $0 == "0" }) else {
            throw TemplateFailure("the number \(text.prefix(40)) begins with a zero")
        }
        guard let value = Int(text) else { throw TemplateFailure("the number \(text.prefix(40)) is out of range") }
        return .int(value)
    }

    private mutating func readString(quote: Unicode.Scalar) throws(TemplateFailure) -> String {
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
        throw TemplateFailure("a string has no end")
    }

    /// Python's escapes; an unknown one keeps its backslash.
    private mutating func readEscape() throws(TemplateFailure) -> String? {
        guard let scalar = peek() else { throw TemplateFailure("a string has no end") }
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
        case "N": throw TemplateFailure("characters by name (\\N) are outside the supported subset")
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

    private mutating func readCode(digits: Int) throws(TemplateFailure) -> String {
        let end = position + digits
        guard end <= scalars.count, let value = UInt32(makeString(scalars[position..<end]), radix: 16),
            scalars[position] != "+", let scalar = Unicode.Scalar(value)
        else {
            throw TemplateFailure("an escape needs \(digits) hexadecimal digits of a character's code")
        }
        position = end
        return String(scalar)
    }
}
