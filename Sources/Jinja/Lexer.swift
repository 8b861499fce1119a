/// Cuts a template into tokens.
///
/// Whitespace control is that of Transformers: the newline after a block's tag is dropped (`trim_blocks`), and so are
/// the blanks between a line's start and a block's tag (`lstrip_blocks`).
struct Lexer {
    private var scalars: [Unicode.Scalar]
    private var position = 0
    /// The line of the next scalar. After an error it is the line of the error.
    private(set) var line = 1
    private var tokens: [Token] = []
    /// Whether `lstrip_blocks` may strip blanks at the start of the text to come.
    private var startsLine = true

    init(source: String) {
        scalars = []
        scalars.reserveCapacity(source.utf8.count)
        // \r\n and \r become \n. One \n at the very end is dropped.
        var previous: Unicode.Scalar = " "
        for scalar in source.unicodeScalars {
            if scalar == "\r" {
                scalars.append("\n")
            } else if scalar != "\n" || previous != "\r" {
                scalars.append(scalar)
            }
            previous = scalar
        }
        if scalars.last == "\n" { scalars.removeLast() }
    }

    /// The tokens of the whole template; the last one is `end`.
    mutating func run() throws(TemplateError) -> [Token] {
        while position < scalars.count {
            guard let opening = nextOpening() else {
                appendText(scalars[position...], countingLinesOf: scalars[position...])
                position = scalars.count
                break
            }
            try readTag(at: opening)
        }
        tokens.append(Token(kind: .end, line: line))
        return tokens
    }

    private func peek(_ offset: Int = 0) -> Unicode.Scalar? {
        let index = position + offset
        return index < scalars.count ? scalars[index] : nil
    }

    private func starts(with text: String, at index: Int) -> Bool {
        var index = index
        for scalar in text.unicodeScalars {
            guard index < scalars.count, scalars[index] == scalar else { return false }
            index += 1
        }
        return true
    }

    /// Where the next `{{`, `{%` or `{#` begins.
    private func nextOpening() -> Int? {
        var index = position
        while index + 1 < scalars.count {
            if scalars[index] == "{" {
                let next = scalars[index + 1]
                if next == "{" || next == "%" || next == "#" { return index }
            }
            index += 1
        }
        return nil
    }

    /// Appends a text token, and counts the lines of the text before whitespace was stripped from it.
    private mutating func appendText(
        _ text: ArraySlice<Unicode.Scalar>, countingLinesOf whole: ArraySlice<Unicode.Scalar>
    ) {
        if !text.isEmpty { tokens.append(Token(kind: .text(Text.string(of: text)), line: line)) }
        line += whole.count { $0 == "\n" }
    }

    private mutating func readTag(at opening: Int) throws(TemplateError) {
        let kind = scalars[opening + 1]
        let sign = opening + 2 < scalars.count ? scalars[opening + 2] : " "
        let isSigned = sign == "-" || sign == "+"
        let before = scalars[position..<opening]
        appendText(stripped(before, sign: sign, isOutput: kind == "{"), countingLinesOf: before)
        position = opening + (isSigned ? 3 : 2)
        switch kind {
        case "#": try skipComment()
        case "%":
            if let bodyStart = rawBodyStart() {
                try readRaw(from: bodyStart)
            } else {
                tokens.append(Token(kind: .blockBegin, line: line))
                try readInside(closing: "%}", isBlock: true)
            }
        default:
            tokens.append(Token(kind: .outputBegin, line: line))
            try readInside(closing: "}}", isBlock: false)
        }
    }

    /// The text before a tag, without the whitespace that the tag removes.
    private func stripped(
        _ text: ArraySlice<Unicode.Scalar>, sign: Unicode.Scalar, isOutput: Bool
    ) -> ArraySlice<Unicode.Scalar> {
        if sign == "-" {
            let kept = text.lastIndex { !Text.isSpace($0) }.map { $0 + 1 } ?? text.startIndex
            return text[text.startIndex..<kept]
        }
        if sign == "+" || isOutput { return text }
        let newline = text.lastIndex(of: "\n")
        guard newline != nil || startsLine else { return text }
        let lineStart = newline.map { $0 + 1 } ?? text.startIndex
        return text[lineStart...].allSatisfy(Text.isSpace) ? text[text.startIndex..<lineStart] : text
    }

    /// Moves past a tag's end, and past the whitespace that it removes. `sign` is the `-` or `+` before it.
    private mutating func close(sign: Unicode.Scalar?, trimsNewline: Bool) {
        let start = position
        position += sign == nil ? 2 : 3
        if sign == "-" {
            while let scalar = peek(), Text.isSpace(scalar) { position += 1 }
        } else if sign == nil, trimsNewline, peek() == "\n" {
            position += 1
        }
        line += scalars[start..<position].count { $0 == "\n" }
        startsLine = scalars[position - 1] == "\n"
    }

    /// Moves past a tag's end if one is here.
    private mutating func closes(with closing: String, isBlock: Bool) -> Bool {
        if starts(with: closing, at: position) {
            close(sign: nil, trimsNewline: isBlock)
        } else if let sign = peek(), sign == "-" || (sign == "+" && isBlock), starts(with: closing, at: position + 1) {
            close(sign: sign, trimsNewline: isBlock)
        } else {
            return false
        }
        return true
    }

    private mutating func skipComment() throws(TemplateError) {
        let start = line
        while let scalar = peek() {
            if closes(with: "#}", isBlock: true) { return }
            if scalar == "\n" { line += 1 }
            position += 1
        }
        line = start
        throw TemplateError("a comment '{#' has no end '#}'")
    }

    /// Where the body of `{% raw %}` begins; nil if this is another tag.
    private func rawBodyStart() -> Int? { endOfTag(named: "raw", from: position)?.end }

    /// The end of a tag that consists of one name, and the sign before that end; nil if this is another tag.
    private func endOfTag(named name: String, from start: Int) -> (end: Int, sign: Unicode.Scalar?)? {
        var index = start
        func skipSpace() { while index < scalars.count, Text.isSpace(scalars[index]) { index += 1 } }
        skipSpace()
        guard starts(with: name, at: index) else { return nil }
        index += name.unicodeScalars.count
        skipSpace()
        if starts(with: "%}", at: index) { return (index + 2, nil) }
        guard index < scalars.count, scalars[index] == "-" || scalars[index] == "+",
            starts(with: "%}", at: index + 1)
        else { return nil }
        return (index + 3, scalars[index])
    }

    /// Reads the text between `{% raw %}` and `{% endraw %}` without looking for tags in it.
    private mutating func readRaw(from start: Int) throws(TemplateError) {
        var start = start
        if start >= 3, scalars[start - 3] == "-" {
            while start < scalars.count, Text.isSpace(scalars[start]) { start += 1 }
        }
        var index = start
        startsLine = scalars[start - 1] == "\n"
        while index + 1 < scalars.count {
            defer { index += 1 }
            guard scalars[index] == "{", scalars[index + 1] == "%" else { continue }
            let sign = index + 2 < scalars.count ? scalars[index + 2] : " "
            let nameStart = index + (sign == "-" || sign == "+" ? 3 : 2)
            guard let tag = endOfTag(named: "endraw", from: nameStart) else { continue }
            let body = scalars[start..<index]
            line += scalars[position..<start].count { $0 == "\n" }
            appendText(stripped(body, sign: sign, isOutput: false), countingLinesOf: body)
            position = tag.end - (tag.sign == nil ? 2 : 3)
            close(sign: tag.sign, trimsNewline: true)
            return
        }
        throw TemplateError("'{% raw %}' has no '{% endraw %}'")
    }

    // MARK: - Inside a tag

    /// Reads the tokens of a tag, up to its end.
    private mutating func readInside(closing: String, isBlock: Bool) throws(TemplateError) {
        var brackets: [Unicode.Scalar] = []
        while let scalar = peek() {
            if Text.isSpace(scalar) {
                if scalar == "\n" { line += 1 }
                position += 1
                continue
            }
            if brackets.isEmpty {
                let endLine = line
                if closes(with: closing, isBlock: isBlock) {
                    tokens.append(Token(kind: isBlock ? .blockEnd : .outputEnd, line: endLine))
                    return
                }
            }
            if let symbol = try readToken() { try balance(symbol, &brackets) }
        }
        throw TemplateError("a tag has no end '\(closing)'")
    }

    /// Keeps the stack of open brackets; an error if a bracket closes another one than the last.
    private func balance(_ symbol: String, _ brackets: inout [Unicode.Scalar]) throws(TemplateError) {
        switch symbol {
        case "(": brackets.append(")")
        case "[": brackets.append("]")
        case "{": brackets.append("}")
        case ")", "]", "}":
            guard let expected = brackets.popLast() else { throw TemplateError("'\(symbol)' closes nothing") }
            guard String(expected) == symbol else {
                throw TemplateError("found '\(symbol)', expected '\(expected)'")
            }
        default: break
        }
    }
}

// Names, numbers, strings and symbols.
extension Lexer {
    /// Appends the token that begins here.
    ///
    /// - Returns: The symbol, if the token is one.
    private mutating func readToken() throws(TemplateError) -> String? {
        guard let scalar = peek() else { return nil }
        let start = line
        if isDigit(scalar) {
            tokens.append(Token(kind: try readNumber(), line: start))
        } else if isNamePart(scalar) {
            let nameStart = position
            while let next = peek(), isNamePart(next) { position += 1 }
            tokens.append(Token(kind: .name(Text.string(of: scalars[nameStart..<position])), line: start))
        } else if scalar == "'" || scalar == "\"" {
            let text = try readString(quote: scalar)
            tokens.append(Token(kind: .string(text), line: start))
        } else {
            let symbol = try readSymbol()
            tokens.append(Token(kind: .symbol(symbol), line: start))
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

    /// After a dot a number is an index, and has no fraction: `a.1.2` is `a[1][2]`.
    private mutating func readNumber() throws(TemplateError) -> Token.Kind {
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
            throw TemplateError("a number is followed by '\(next)'; only decimal numbers are supported")
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
        case "N": throw TemplateError("characters by name (\\N) are outside the supported subset")
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
