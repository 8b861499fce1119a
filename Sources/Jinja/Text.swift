/// Python's operations on strings, which work on code points.
enum Text {
    /// The byte positions at which a text begins in another, without overlaps. The search (Knuth, Morris and Pratt) takes
    /// time linear in both. An empty text begins at 0.
    static func positions(of needle: String, in text: String, limit: Int = .max) -> [Int] {
        let pattern = Array(needle.utf8)
        guard !pattern.isEmpty else { return limit > 0 ? [0] : [] }
        // How many bytes of the pattern's beginning still match after a mismatch.
        var fallback = [Int](repeating: 0, count: pattern.count)
        var matched = 0
        for index in pattern.indices.dropFirst() {
            while matched > 0, pattern[index] != pattern[matched] { matched = fallback[matched - 1] }
            if pattern[index] == pattern[matched] { matched += 1 }
            fallback[index] = matched
        }
        var found: [Int] = []
        matched = 0
        for (index, byte) in text.utf8.enumerated() {
            guard found.count < limit else { break }
            while matched > 0, byte != pattern[matched] { matched = fallback[matched - 1] }
            if byte == pattern[matched] { matched += 1 }
            if matched == pattern.count {
                found.append(index + 1 - matched)
                matched = 0
            }
        }
        return found
    }

    static func strip(_ text: String, _ characters: String?, start: Bool = true, end: Bool = true) -> String {
        let set = characters.map { Set($0.unicodeScalars) }
        func isStripped(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? isSpace(scalar) }
        var rest = text.unicodeScalars[...]
        while start, let first = rest.first, isStripped(first) { rest.removeFirst() }
        while end, let last = rest.last, isStripped(last) { rest.removeLast() }
        return String(rest)
    }

    /// The text cut at separators, at most `limit` times.
    static func pieces(of text: String, separator: String, limit: Int) -> [String] {
        pieces(of: text, at: positions(of: separator, in: text, limit: limit), length: separator.utf8.count)
    }

    /// The text between separators, which begin at these byte positions and have this length in bytes.
    static func pieces(of text: String, at positions: [Int], length: Int) -> [String] {
        let bytes = Array(text.utf8)
        var pieces: [String] = []
        var start = 0
        for position in positions {
            pieces.append(String(decoding: bytes[start..<position], as: UTF8.self))
            start = position + length
        }
        pieces.append(String(decoding: bytes[start...], as: UTF8.self))
        return pieces
    }

    /// Cuts at runs of whitespace, at most `limit` times.
    static func words(_ text: String, limit: Int) -> [String] {
        var words: [String] = []
        var rest = text.unicodeScalars[...]
        while true {
            rest = rest.drop(while: isSpace)
            guard !rest.isEmpty else { return words }
            if words.count >= limit {
                words.append(strip(String(rest), nil, start: false))
                return words
            }
            let word = rest.prefix { !isSpace($0) }
            words.append(String(word))
            rest = rest[word.endIndex...]
        }
    }

    static func reversed(_ text: String) -> String { string(of: text.unicodeScalars.reversed()) }

    /// Cuts at every kind of line end, and drops it unless `keepsEnds`. After a final line end there is no empty line.
    static func lines(_ text: String, keepsEnds: Bool = false) -> [String] {
        let scalars = text.unicodeScalars
        var lines: [String] = []
        var start = scalars.startIndex
        var index = start
        while index < scalars.endIndex {
            let scalar = scalars[index]
            let end = index
            index = scalars.index(after: index)
            guard isLineEnd(scalar) else { continue }
            if scalar == "\r", index < scalars.endIndex, scalars[index] == "\n" { index = scalars.index(after: index) }
            lines.append(String(scalars[start..<(keepsEnds ? index : end)]))
            start = index
        }
        if start < scalars.endIndex { lines.append(String(scalars[start...])) }
        return lines
    }

    private static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    /// Indents lines; the first and the empty ones only on request.
    static func indented(_ text: String, by indentation: String, first: Bool, blank: Bool) -> String {
        let lines = lines(text + "\n")
        var result = first ? indentation : ""
        for (index, line) in lines.enumerated() {
            if index > 0 { result += blank || !line.isEmpty ? "\n" + indentation : "\n" }
            result += line
        }
        return result
    }

    /// Python's whitespace.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0d, 0x1c...0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000: true
        default: false
        }
    }

    static func string(of scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }
}
