/// Which words of a text the filter `urlize` takes for addresses. The rules are those of Jinja's regular expressions.
enum Address {
    /// A word without the brackets before it, and without the brackets and punctuation after it.
    static func split(_ word: String) -> (head: String, middle: String, tail: String) {
        let bytes = Array(word.utf8)
        func has(_ text: String, at index: Int) -> Bool { bytes[index...].starts(with: text.utf8) }
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        var start = 0
        while start < bytes.count {
            if has("(", at: start) || has("<", at: start) {
                start += 1
            } else if has("&lt;", at: start) {
                start += 4
            } else {
                break
            }
        }
        var end = bytes.count
        while end > start {
            if ")>.,".utf8.contains(bytes[end - 1]) {
                end -= 1
            } else if end - start >= 4, has("&gt;", at: end - 4) {
                end -= 4
            } else {
                break
            }
        }
        // A closing bracket belongs to the address if the address has the opening one.
        for (opening, closing) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
            let openings = Text.positions(of: opening, in: text(start..<end)).count
            guard openings > Text.positions(of: closing, in: text(start..<end)).count else { continue }
            let closings = Text.positions(of: closing, in: text(end..<bytes.count))
            let moved = min(openings, closings.count)
            if moved > 0 { end += closings[moved - 1] + closing.utf8.count }
        }
        return (text(0..<start), text(start..<end), text(end..<bytes.count))
    }

    /// Whether a text can begin an address, such as `ftp://`.
    static func isScheme(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard let colon = scalars.firstIndex(of: ":"), colon >= 2, scalars.count - colon <= 3 else { return false }
        return scalars[..<colon].allSatisfy { Text.isWordPart($0) || ".+-".unicodeScalars.contains($0) }
            && scalars[(colon + 1)...].allSatisfy { $0 == "/" }
    }

    static func isOfMail(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard let at = scalars.lastIndex(of: "@"), at > 0, !scalars.contains(where: Text.isSpace) else { return false }
        let host = scalars[(at + 1)...]
        guard let first = host.first, Text.isWordPart(first), let dot = host.lastIndex(of: "."), dot > host.startIndex,
            dot + 1 < host.endIndex
        else { return false }
        return host.allSatisfy { Text.isWordPart($0) || $0 == "." || $0 == "-" }
            && host[(dot + 1)...].allSatisfy(Text.isWordPart)
    }

    static func isOfWeb(_ text: String) -> Bool {
        var rest = Array(text.unicodeScalars)[...]
        func skip(_ prefix: String) -> Bool {
            let start = Text.lowered(Text.string(of: rest.prefix(prefix.unicodeScalars.count)))
            guard ExactString(start) == ExactString(prefix) else { return false }
            rest = rest.dropFirst(prefix.unicodeScalars.count)
            return true
        }
        let hasScheme = skip("http://") || skip("https://")
        let isOfWWW = !hasScheme && skip("www.")
        if hasScheme, rest.first == "[" {
            guard let end = rest.firstIndex(of: "]"), isOfVersion6(rest[(rest.startIndex + 1)..<end]) else {
                return false
            }
            return isPortAndPath(rest[(end + 1)...])
        }
        let host = rest.prefix { Text.isWordPart($0) || "%-.".unicodeScalars.contains($0) }
        guard isPortAndPath(rest[host.endIndex...]) else { return false }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        if hasScheme || isOfWWW, labels.dropLast().allSatisfy({ !$0.isEmpty }), let last = labels.last, isDomain(last) {
            return true
        }
        if hasScheme, isOfVersion4(labels) { return true }
        // Without a scheme, or with `www.` as its first label, a host has one of a few well-known endings.
        guard !hasScheme else { return false }
        let known: Set<ExactString> = ["com", "net", "int", "edu", "gov", "org", "info", "mil"]
        let all = isOfWWW ? ["www"] + labels.map { Text.string(of: $0) } : labels.map { Text.string(of: $0) }
        guard all.count >= 2, let last = all.last, known.contains(ExactString(Text.lowered(last))) else { return false }
        return all.dropLast().allSatisfy { (2...63).contains($0.unicodeScalars.count) }
    }

    private static func isDomain(_ label: ArraySlice<Unicode.Scalar>) -> Bool {
        let text = Text.lowered(Text.string(of: label))
        if (2...63).contains(label.count), text.utf8.allSatisfy({ (0x61...0x7a).contains($0) }) { return true }
        return text.utf8.starts(with: "xn--".utf8) && (6...63).contains(label.count)
            && !label.dropFirst(4).contains("-")
    }

    private static func isOfVersion4(_ labels: [ArraySlice<Unicode.Scalar>]) -> Bool {
        labels.count == 4
            && labels.allSatisfy {
                (1...3).contains($0.count) && $0.allSatisfy { $0.properties.generalCategory == .decimalNumber }
            }
    }

    /// Hexadecimal digits in groups of at most four: two with a colon, and one to six more.
    private static func isOfVersion6(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
        let groups = text.split(separator: ":", omittingEmptySubsequences: false)
        guard groups.count >= 3, groups[0].count <= 4, groups[1].count <= 4,
            groups.allSatisfy({ $0.allSatisfy { $0.isASCII && Character($0).isHexDigit } })
        else { return false }
        var pieces = 0
        for group in groups[2...].dropLast() { pieces += max(1, (group.count + 3) / 4) }
        pieces += ((groups.last?.count ?? 0) + 3) / 4
        return pieces <= 6
    }

    private static func isPortAndPath(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
        var rest = text
        if rest.first == ":" {
            let digits = rest.dropFirst().prefix { $0.properties.generalCategory == .decimalNumber }
            guard (1...5).contains(digits.count) else { return false }
            rest = rest[digits.endIndex...]
        }
        guard let first = rest.first else { return true }
        return "/?#".unicodeScalars.contains(first)
    }
}
