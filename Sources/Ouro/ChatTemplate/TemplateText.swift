/// Python's string operations, by code points.
enum TemplateText {
    /// The byte positions at which a non-empty text begins in another, not overlapping. Takes time linear in both.
    static func positions(of needle: String, in text: String, limit: Int = .max) -> [Int] {
        let pattern = Array(needle.utf8)
        guard !pattern.isEmpty else { return limit > 0 ? [0] : [] }
        // How much of the pattern's beginning is still matched after a mismatch.
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
        func isStripped(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? isPythonSpace(scalar) }
        var rest = text.unicodeScalars[...]
        while start, let first = rest.first, isStripped(first) { rest.removeFirst() }
        while end, let last = rest.last, isStripped(last) { rest.removeLast() }
        return String(rest)
    }

    /// The text between the given positions, each of which a separator of the given length begins.
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
            rest = rest.drop(while: isPythonSpace)
            guard !rest.isEmpty else { return words }
            if words.count >= limit {
                words.append(strip(String(rest), nil, start: false))
                return words
            }
            let word = rest.prefix { !isPythonSpace($0) }
            words.append(String(word))
            rest = rest[word.endIndex...]
        }
    }

    static func reversed(_ text: String) -> String { makeString(text.unicodeScalars.reversed()) }

    /// Cuts at every kind of line end, without keeping it; nothing follows a final one.
    static func lines(_ text: String) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var previous: Unicode.Scalar = " "
        var isOpen = false
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0a where previous == "\r": break
            case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029:
                lines.append(String(line))
                line = String.UnicodeScalarView()
                isOpen = false
            default:
                line.append(scalar)
                isOpen = true
            }
            previous = scalar
        }
        if isOpen { lines.append(String(line)) }
        return lines
    }

    static func capitalized(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
    }

    /// `str.title()`: a letter after anything that is not one is a capital.
    static func titled(_ text: String) -> String {
        var result = ""
        var isInWord = false
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            result += isInWord ? properties.lowercaseMapping : properties.titlecaseMapping
            isInWord = properties.isCased
        }
        return result
    }

    /// The `title` filter: words begin after whitespace, hyphens and opening brackets.
    static func titledWords(_ text: String) -> String {
        var result = ""
        var isInWord = false
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            result += isInWord ? properties.lowercaseMapping : properties.uppercaseMapping
            isInWord = !(isPythonSpace(scalar) || "-({[<".unicodeScalars.contains(scalar))
        }
        return result
    }

    /// Indents all lines but the first, and not the empty ones, unless told to.
    static func indented(_ text: String, by indentation: String, first: Bool, blank: Bool) -> String {
        let lines = lines(text + "\n")
        var result = first ? indentation : ""
        for (index, line) in lines.enumerated() {
            if index > 0 { result += blank || !line.isEmpty ? "\n" + indentation : "\n" }
            result += line
        }
        return result
    }

    /// Python's `int(text)`.
    static func integer(_ text: String) -> Int? {
        let digits = strip(text, nil)
        guard !digits.hasPrefix("_"), !digits.hasSuffix("_"), !digits.contains("__") else { return nil }
        return Int(digits.replacing("_", with: ""))
    }

    /// Python's `float(text)`.
    static func float(_ text: String) -> Double? {
        let digits = strip(text, nil).lowercased()
        switch digits.drop(while: { $0 == "+" || $0 == "-" }) {
        case "inf", "infinity", "nan": break
        default: guard digits.allSatisfy({ "0123456789+-.e".contains($0) }) else { return nil }
        }
        return Double(digits) ?? (digits.hasSuffix(".") ? Double(digits + "0") : nil)
    }
}
