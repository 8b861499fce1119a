/// Cuts a template into tokens, with whitespace control as Transformers sets it: a newline after a block's tag is
/// dropped (`trim_blocks`), and so are blanks between a line's start and a block's tag (`lstrip_blocks`).
struct TemplateLexer {
    var scalars: [Unicode.Scalar]
    var position = 0
    var line = 1
    var tokens: [TemplateToken] = []
    /// Whether the text to come begins a line as far as `lstrip_blocks` is concerned.
    private var startsLine = true

    init(source: String) {
        scalars = []
        scalars.reserveCapacity(source.utf8.count)
        // All three spellings of a line's end become one, and a single one at the very end is dropped.
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

    mutating func run() throws(TemplateFailure) -> [TemplateToken] {
        while position < scalars.count {
            guard let opening = nextOpening() else {
                appendText(scalars[position...], countingLinesOf: scalars[position...])
                position = scalars.count
                break
            }
            try readTag(at: opening)
        }
        tokens.append(TemplateToken(kind: .end, line: line))
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

    private mutating func appendText(
        _ text: ArraySlice<Unicode.Scalar>, countingLinesOf whole: ArraySlice<Unicode.Scalar>
    ) {
        if !text.isEmpty { tokens.append(TemplateToken(kind: .text(makeString(text)), line: line)) }
        line += whole.count { $0 == "\n" }
    }

    private mutating func readTag(at opening: Int) throws(TemplateFailure) {
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
                tokens.append(TemplateToken(kind: .blockBegin, line: line))
                try readInside(closing: "%}", isBlock: true)
            }
        default:
            tokens.append(TemplateToken(kind: .outputBegin, line: line))
            try readInside(closing: "}}", isBlock: false)
        }
    }

    /// The text before a tag, without the whitespace the tag removes.
    private func stripped(
        _ text: ArraySlice<Unicode.Scalar>, sign: Unicode.Scalar, isOutput: Bool
    ) -> ArraySlice<Unicode.Scalar> {
        if sign == "-" {
            let kept = text.lastIndex { !isPythonSpace($0) }.map { $0 + 1 } ?? text.startIndex
            return text[text.startIndex..<kept]
        }
        if sign == "+" || isOutput { return text }
        let newline = text.lastIndex(of: "\n")
        guard newline != nil || startsLine else { return text }
        let lineStart = newline.map { $0 + 1 } ?? text.startIndex
        return text[lineStart...].allSatisfy(isPythonSpace) ? text[text.startIndex..<lineStart] : text
    }

    /// Moves past a tag's end and the whitespace it removes. `sign` is what stood before it.
    private mutating func close(sign: Unicode.Scalar?, trimsNewline: Bool) {
        let start = position
        position += sign == nil ? 2 : 3
        if sign == "-" {
            while let scalar = peek(), isPythonSpace(scalar) { position += 1 }
        } else if sign == nil, trimsNewline, peek() == "\n" {
            position += 1
        }
        line += scalars[start..<position].count { $0 == "\n" }
        startsLine = scalars[position - 1] == "\n"
    }

    /// If a tag's end lies here, removes it.
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

    private mutating func skipComment() throws(TemplateFailure) {
        let start = line
        while let scalar = peek() {
            if closes(with: "#}", isBlock: true) { return }
            if scalar == "\n" { line += 1 }
            position += 1
        }
        line = start
        throw TemplateFailure("a comment '{#' has no end '#}'")
    }

    /// If this tag is `{% raw %}`, where its body begins.
    private func rawBodyStart() -> Int? { endOfTag(named: "raw", from: position)?.end }

    /// The end of a tag that consists of one name, and the sign before its end.
    private func endOfTag(named name: String, from start: Int) -> (end: Int, sign: Unicode.Scalar?)? {
        var index = start
        func skipSpace() { while index < scalars.count, isPythonSpace(scalars[index]) { index += 1 } }
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

    /// Reads the text between `{% raw %}` and `{% endraw %}` as it is.
    private mutating func readRaw(from start: Int) throws(TemplateFailure) {
        var start = start
        if start >= 3, scalars[start - 3] == "-" {
            while start < scalars.count, isPythonSpace(scalars[start]) { start += 1 }
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
        throw TemplateFailure("'{% raw %}' has no '{% endraw %}'")
    }

    /// Reads the tokens of a tag up to its end.
    private mutating func readInside(closing: String, isBlock: Bool) throws(TemplateFailure) {
        var brackets: [Unicode.Scalar] = []
        while let scalar = peek() {
            if isPythonSpace(scalar) {
                if scalar == "\n" { line += 1 }
                position += 1
                continue
            }
            if brackets.isEmpty {
                let endLine = line
                if closes(with: closing, isBlock: isBlock) {
                    tokens.append(TemplateToken(kind: isBlock ? .blockEnd : .outputEnd, line: endLine))
                    return
                }
            }
            if let symbol = try readToken() { try balance(symbol, &brackets) }
        }
        throw TemplateFailure("a tag has no end '\(closing)'")
    }

    private func balance(_ symbol: String, _ brackets: inout [Unicode.Scalar]) throws(TemplateFailure) {
        switch symbol {
        case "(": brackets.append(")")
        case "[": brackets.append("]")
        case "{": brackets.append("}")
        case ")", "]", "}":
            guard let expected = brackets.popLast() else { throw TemplateFailure("'\(symbol)' closes nothing") }
            guard String(expected) == symbol else {
                throw TemplateFailure("found '\(symbol)', expected '\(expected)'")
            }
        default: break
        }
    }
}

func makeString(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
}
