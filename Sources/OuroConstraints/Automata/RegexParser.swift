import Ouro

/// Parses regular expressions in the notation of ECMA 262, which JSON schemas use.
///
/// Supported are literals, classes, `.`, `\d \w \s` and their negations, escapes, groups, alternatives, the anchors `^` and
/// `$`, and quantifiers, also lazy ones. A lookahead is supported only at the start, after `^`. Lookbehind, other
/// lookaheads, backreferences, word boundaries, Unicode properties and flags are refused by name.
struct RegexParser {
    /// A condition on the start of the text: `(?=...)` or `(?!...)` after a leading `^`.
    struct Lookahead {
        let expression: Expression
        let isNegative: Bool
    }

    /// The largest depth of groups.
    private static let depthLimit = 64
    /// The largest number in a quantifier.
    private static let countLimit = 100_000

    private let scalars: [Unicode.Scalar]
    private let place: String
    private var index = 0
    private(set) var lookaheads: [Lookahead] = []

    init(_ pattern: String, place: String) {
        scalars = Array(pattern.unicodeScalars)
        self.place = place
    }

    mutating func parse() throws(OuroError) -> Expression {
        var leading: [Expression] = []
        if take("^") { leading.append(.start) }
        while !leading.isEmpty, peek("(?=") || peek("(?!") {
            let isNegative = scalars[index + 2] == "!"
            index += 3
            let inner = try alternatives(depth: 1)
            guard take(")") else { throw fault("a '(' has no ')'") }
            lookaheads.append(Lookahead(expression: .sequence([.start, inner]), isNegative: isNegative))
        }
        let rest = try alternatives(depth: 0, before: leading)
        guard index == scalars.count else { throw fault("a ')' has no '('") }
        if !lookaheads.isEmpty, case .choice = rest {
            throw unsupported("a lookahead beside alternatives; put the alternatives into a group")
        }
        return rest
    }

    private func fault(_ message: String) -> OuroError {
        OuroError(.invalidRequest, field: place, "the pattern is not valid at character \(index + 1): \(message)")
    }

    private func unsupported(_ what: String) -> OuroError {
        OuroError(.unsupported, field: place, "the pattern has \(what), which is not supported")
    }

    private func peek(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        return index + wanted.count <= scalars.count && Array(scalars[index..<index + wanted.count]) == wanted
    }

    private mutating func take(_ text: String) -> Bool {
        guard peek(text) else { return false }
        index += text.unicodeScalars.count
        return true
    }

    private mutating func alternatives(
        depth: Int, before: [Expression] = []
    ) throws(OuroError) -> Expression {
        guard depth <= Self.depthLimit else { throw fault("groups are nested deeper than \(Self.depthLimit) levels") }
        var options: [Expression] = []
        var parts = before
        while index < scalars.count, scalars[index] != ")" {
            if take("|") {
                options.append(.sequence(parts))
                parts = []
            } else {
                parts.append(try term(depth: depth))
            }
        }
        if options.isEmpty { return .sequence(parts) }
        return .choice(options + [.sequence(parts)])
    }

    private mutating func term(depth: Int) throws(OuroError) -> Expression {
        let scalar = scalars[index]
        var atom: Expression
        switch scalar {
        case "^", "$":
            index += 1
            atom = scalar == "^" ? .start : .end
            if index < scalars.count, "*+?{".unicodeScalars.contains(scalars[index]), try quantifier() != nil {
                throw fault("'\(scalar)' cannot be repeated")
            }
            return atom
        case "(":
            index += 1
            try groupStart()
            atom = try alternatives(depth: depth + 1)
            guard take(")") else { throw fault("a '(' has no ')'") }
        case "[": atom = .one(try characterClass())
        case ".":
            index += 1
            atom = .one(RegexClasses.anyButNewline)
        case "\\": atom = .one(try escape(inClass: false))
        case "*", "+", "?": throw fault("there is nothing before '\(scalar)' that could be repeated")
        default:
            if scalar == "{", try quantifier() != nil { throw fault("there is nothing before the quantifier") }
            index += 1
            atom = .one(ScalarSet([scalar]))
        }
        while let (least, most) = try quantifier() { atom = .repeated(atom, least: least, most: most) }
        return atom
    }

    /// Reads what follows the `(` of a group.
    private mutating func groupStart() throws(OuroError) {
        guard take("?") else { return }
        if take(":") { return }
        if peek("=") || peek("!") { throw unsupported("a lookahead '(?\(scalars[index])' that is not at its start") }
        if peek("<=") || peek("<!") { throw unsupported("a lookbehind '(?<\(scalars[index + 1])'") }
        if peek("P=") { throw unsupported("a backreference '(?P='") }
        guard take("P<") || take("<") else { throw unsupported("the group '(?'") }
        while index < scalars.count, scalars[index] != ">" {
            guard scalars[index].properties.isXIDContinue || scalars[index] == "$" else {
                throw fault("expected the name of a group")
            }
            index += 1
        }
        guard take(">") else { throw fault("the name of a group has no '>'") }
    }

    /// Reads a quantifier, if there is one.
    private mutating func quantifier() throws(OuroError) -> (Int, Int?)? {
        guard index < scalars.count else { return nil }
        var result: (Int, Int?)
        switch scalars[index] {
        case "*": result = (0, nil)
        case "+": result = (1, nil)
        case "?": result = (0, 1)
        case "{":
            // A brace that begins no quantifier is a literal.
            let start = index
            index += 1
            let least = number()
            var most = least
            if take(",") { most = number() ?? (peek("}") ? -1 : nil) }
            guard peek("}"), let least, let most else {
                if least == nil, peek("}"), most != -1 || scalars[index - 1] == ",", index > start + 1 {
                    throw unsupported("a quantifier without a lower number, such as {,3}")
                }
                index = start
                return nil
            }
            guard most < 0 || least <= most else { throw fault("the quantifier's numbers are in the wrong order") }
            guard max(least, most) <= Self.countLimit else {
                throw fault("the quantifier's numbers are larger than \(Self.countLimit)")
            }
            result = (least, most < 0 ? nil : most)
        default: return nil
        }
        index += 1
        if peek("+") { throw unsupported("a possessive quantifier") }
        // A lazy quantifier has the same texts.
        _ = take("?")
        return result
    }

    private mutating func number() -> Int? { RegexClasses.number(in: scalars, at: &index) }

    private mutating func characterClass() throws(OuroError) -> ScalarSet {
        index += 1
        let isNegated = take("^")
        var set = ScalarSet.none
        while true {
            guard index < scalars.count else { throw fault("a '[' has no ']'") }
            if take("]") { break }
            let first = try member()
            guard peek("-"), index + 1 < scalars.count, scalars[index + 1] != "]" else {
                set = set.union(first)
                continue
            }
            guard let low = Self.single(first) else { throw fault("a range begins with a class") }
            index += 1
            guard let high = Self.single(try member()) else { throw fault("a range ends with a class") }
            guard low <= high else { throw fault("a range is in the wrong order") }
            set = set.union(ScalarSet([low...high]))
        }
        return isNegated ? set.complement : set.intersection(.all)
    }

    private static func single(_ set: ScalarSet) -> UInt32? {
        guard set.ranges.count == 1, set.ranges[0].count == 1 else { return nil }
        return set.ranges[0].lowerBound
    }

    private mutating func member() throws(OuroError) -> ScalarSet {
        guard index < scalars.count else { throw fault("a '[' has no ']'") }
        if scalars[index] == "\\" { return try escape(inClass: true) }
        index += 1
        return ScalarSet([scalars[index - 1]])
    }

    private mutating func escape(inClass: Bool) throws(OuroError) -> ScalarSet {
        index += 1
        guard index < scalars.count else { throw fault("it ends with a backslash") }
        let scalar = scalars[index]
        index += 1
        if let set = RegexClasses.shorthand(scalar) { return set }
        switch scalar {
        case "n": return ScalarSet(["\n"])
        case "r": return ScalarSet(["\r"])
        case "t": return ScalarSet(["\t"])
        case "f": return ScalarSet(["\u{0C}"])
        case "v": return ScalarSet(["\u{0B}"])
        case "0":
            guard index == scalars.count || RegexClasses.digit(scalars[index]) == nil else {
                throw unsupported("an octal escape")
            }
            return ScalarSet(["\0"])
        case "b" where inClass: return ScalarSet(["\u{08}"])
        case "b", "B": throw unsupported("a word boundary '\\\(scalar)'")
        case "1"..."9": throw unsupported("a backreference '\\\(scalar)'")
        case "k": throw unsupported("a backreference '\\k'")
        case "p", "P": throw unsupported("a Unicode property '\\\(scalar)'")
        case "A", "Z", "z": throw unsupported("'\\\(scalar)'; write ^ or $")
        case "c":
            guard index < scalars.count, scalars[index].isASCII, scalars[index].properties.isAlphabetic else {
                throw fault("expected a letter after \\c")
            }
            index += 1
            return ScalarSet([scalars[index - 1].value & 31...scalars[index - 1].value & 31])
        case "x": return ScalarSet([try hex(2)].map { $0...$0 })
        case "u": return try unicode()
        default:
            if scalar.isASCII, scalar.properties.isAlphabetic { throw unsupported("the escape '\\\(scalar)'") }
            return ScalarSet([scalar])
        }
    }

    private mutating func hex(_ count: Int) throws(OuroError) -> UInt32 {
        guard index + count <= scalars.count,
            let value = UInt32(String(String.UnicodeScalarView(scalars[index..<index + count])), radix: 16)
        else { throw fault("expected \(count) hexadecimal digits") }
        index += count
        return value
    }

    private mutating func unicode() throws(OuroError) -> ScalarSet {
        if take("{") {
            var digits = ""
            while index < scalars.count, scalars[index] != "}", digits.count < 7 {
                digits.unicodeScalars.append(scalars[index])
                index += 1
            }
            guard take("}"), let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil else {
                throw fault("expected a code point in braces")
            }
            return ScalarSet([value...value])
        }
        var value = try hex(4)
        if (0xD800...0xDBFF).contains(value), take("\\u") {
            let low = try hex(4)
            guard (0xDC00...0xDFFF).contains(low) else { throw fault("a surrogate is alone") }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard Unicode.Scalar(value) != nil else { throw fault("a surrogate is alone") }
        return ScalarSet([value...value])
    }
}
