/// Cuts a template into tokens.
///
/// Whitespace control is that of Transformers: the newline after a block's tag is dropped (`trim_blocks`), and so are
/// the blanks between a line's start and a block's tag (`lstrip_blocks`).
struct Lexer {
    var scalars: [Unicode.Scalar]
    var position = 0
    /// The line of the next scalar. After an error it is the line of the error.
    var line = 1
    var tokens: [Token] = []
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

    func peek(_ offset: Int = 0) -> Unicode.Scalar? {
        let index = position + offset
        return index < scalars.count ? scalars[index] : nil
    }

    func starts(with text: String, at index: Int) -> Bool {
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
        if !text.isEmpty { tokens.append(Token(kind: .text(ExactString(Text.string(of: text))), line: line)) }
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
            guard symbol.unicodeScalars.first == expected else {
                throw TemplateError("found '\(symbol)', expected '\(expected)'")
            }
        default: break
        }
    }
}
