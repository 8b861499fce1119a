import Ouro

extension Grammar {
    /// Makes a grammar from a text in GBNF, the notation of llama.cpp.
    ///
    /// ```
    /// root  ::= item ("," item)*   # a list
    /// item  ::= [a-z]{1,8} | "\"" [^"\n]* "\""
    /// ```
    ///
    /// Supported are rules, literals, classes of characters and `.`, groups, alternatives, the repetitions `* + ? {m} {m,}
    /// {m,n}`, and comments. The rule `root` is the whole text. A rule must not call itself before it has read a
    /// character.
    ///
    /// - Parameters:
    ///   - gbnf: the text.
    /// - Throws: `OuroError` with code `invalidRequest` and field `grammar` if the text is malformed, has no `root`, calls a
    ///   rule that it does not define, has left recursion, matches no text, or is too large. The error names the line.
    public init(gbnf: String) throws(OuroError) {
        var parser = GBNFParser(gbnf)
        self = try parser.grammar()
    }
}

/// Parses GBNF.
struct GBNFParser {
    private indirect enum Element {
        case literal(String)
        case set(ScalarSet)
        case call(String)
        case choice([[Element]])
        case repeated(Element, Int, Int?)
    }

    private static let depthLimit = 64
    private static let countLimit = 1_000_000

    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var elementCount = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func grammar() throws(OuroError) -> Grammar {
        var names: [String] = []
        var bodies: [String: [[Element]]] = [:]
        skipSpace(newlines: true)
        while index < scalars.count {
            let name = try name()
            skipSpace(newlines: false)
            guard take("::=") else { throw fault("expected '::=' after the name '\(name)'") }
            skipSpace(newlines: true)
            let body = try alternatives(depth: 0)
            guard bodies.updateValue(body, forKey: name) == nil else {
                throw fault("the rule '\(name)' is defined twice")
            }
            names.append(name)
            guard index == scalars.count || isNewline(scalars[index]) else {
                throw fault("expected the end of the line, found '\(scalars[index])'")
            }
            skipSpace(newlines: true)
        }
        guard bodies["root"] != nil else { throw Self.error("expected a rule 'root'") }
        return try build(names, bodies)
    }

    private func build(_ names: [String], _ bodies: [String: [[Element]]]) throws(OuroError) -> Grammar {
        var builder = GrammarBuilder()
        var budget = CompileBudget()
        var characters = CharacterRules()
        var rules: [String: GrammarBuilder.Rule] = [:]
        for name in names { rules[name] = builder.declareRule() }
        // The rules of classes come first, because no rule is defined inside another one.
        var sets: [ScalarSet: GrammarBuilder.Rule] = [:]
        var pending = bodies.values.flatMap { $0.flatMap { $0 } }
        while let element = pending.popLast() {
            switch element {
            case .literal: break
            case .call(let name):
                guard rules[name] != nil else { throw Self.error("the rule '\(name)' is called but not defined") }
            case .choice(let options): pending += options.flatMap { $0 }
            case .repeated(let inner, _, _): pending.append(inner)
            case .set(let set):
                guard sets[set] == nil else { continue }
                let rule = builder.declareRule()
                sets[set] = rule
                let automaton = try Automaton(.one(set), &budget, place: "grammar")
                try characters.define(rule, automaton, .utf8, &builder, &budget, place: "grammar")
            }
        }
        for name in names {
            guard let rule = rules[name], let body = bodies[name] else { continue }
            builder.define(rule) { Self.write(.choice(body), &$0, rules, sets) }
            guard !builder.isTooLarge else {
                throw Self.error("it is too large: more than \(GrammarBuilder.limit) instructions")
            }
        }
        guard let root = rules["root"] else { throw Self.error("expected a rule 'root'") }
        return try builder.finish(root)
    }

    private static func write(
        _ element: Element, _ builder: inout GrammarBuilder, _ rules: [String: GrammarBuilder.Rule],
        _ sets: [ScalarSet: GrammarBuilder.Rule]
    ) {
        switch element {
        case .literal(let text): builder.literal(text)
        case .set(let set): if let rule = sets[set] { builder.call(rule) }
        case .call(let name): if let rule = rules[name] { builder.call(rule) }
        case .choice(let options):
            builder.choice(
                options.map { parts in { builder in for part in parts { write(part, &builder, rules, sets) } } })
        case .repeated(let inner, 0, nil): builder.anyNumber { write(inner, &$0, rules, sets) }
        case .repeated(let inner, 0, 1): builder.optional { write(inner, &$0, rules, sets) }
        case .repeated(let inner, let least, let most):
            builder.repeated(least, most) { write(inner, &$0, rules, sets) }
        }
    }

    // MARK: text

    private static func error(_ message: String) -> OuroError { OuroError(.invalidRequest, field: "grammar", message) }

    private func fault(_ message: String) -> OuroError {
        let line = scalars[..<min(index, scalars.count)].count { $0 == "\n" } + 1
        return Self.error("line \(line): \(message)")
    }

    private func isNewline(_ scalar: Unicode.Scalar) -> Bool { scalar == "\n" || scalar == "\r" }

    private func peek(_ text: String) -> Bool {
        var place = index
        for scalar in text.unicodeScalars {
            guard place < scalars.count, scalars[place] == scalar else { return false }
            place += 1
        }
        return true
    }

    private mutating func take(_ text: String) -> Bool {
        guard peek(text) else { return false }
        index += text.unicodeScalars.count
        return true
    }

    private mutating func skipSpace(newlines: Bool) {
        while index < scalars.count {
            let scalar = scalars[index]
            if scalar == "#" {
                while index < scalars.count, !isNewline(scalars[index]) { index += 1 }
            } else if scalar == " " || scalar == "\t" || newlines && isNewline(scalar) {
                index += 1
            } else {
                return
            }
        }
    }

    private static func isName(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "-" || scalar == "_"
            || scalar.isASCII && (scalar.properties.isAlphabetic || RegexClasses.digit(scalar) != nil)
    }

    private mutating func name() throws(OuroError) -> String {
        let start = index
        while index < scalars.count, Self.isName(scalars[index]) { index += 1 }
        guard index > start else { throw fault("expected the name of a rule") }
        return String(String.UnicodeScalarView(scalars[start..<index]))
    }

    // MARK: elements

    private mutating func alternatives(depth: Int) throws(OuroError) -> [[Element]] {
        guard depth <= Self.depthLimit else { throw fault("groups are nested deeper than \(Self.depthLimit) levels") }
        var options = [try sequence(depth: depth)]
        while take("|") {
            skipSpace(newlines: true)
            options.append(try sequence(depth: depth))
        }
        return options
    }

    private mutating func sequence(depth: Int) throws(OuroError) -> [Element] {
        var parts: [Element] = []
        while index < scalars.count {
            elementCount += 1
            guard elementCount <= GrammarBuilder.limit else { throw fault("the grammar is too large") }
            let scalar = scalars[index]
            switch scalar {
            case "\"":
                index += 1
                var text = String.UnicodeScalarView()
                while !peek("\"") { text.append(try character(in: "a literal")) }
                index += 1
                parts.append(.literal(String(text)))
            case "[": parts.append(.set(try characterClass()))
            case ".":
                index += 1
                parts.append(.set(.all))
            case "(":
                index += 1
                skipSpace(newlines: true)
                let inner = try alternatives(depth: depth + 1)
                guard take(")") else { throw fault("a '(' has no ')'") }
                parts.append(.choice(inner))
            case "*", "+", "?", "{":
                guard let last = parts.popLast() else { throw fault("there is nothing before '\(scalar)' to repeat") }
                let (least, most) = try repetition()
                parts.append(.repeated(last, least, most))
            case "<", "!":
                throw OuroError(.unsupported, field: "grammar", "tokens in a grammar ('<') are not supported")
            default:
                guard Self.isName(scalar) else { return parts }
                parts.append(.call(try name()))
            }
            skipSpace(newlines: depth > 0)
        }
        return parts
    }

    private mutating func repetition() throws(OuroError) -> (Int, Int?) {
        let scalar = scalars[index]
        index += 1
        switch scalar {
        case "*": return (0, nil)
        case "+": return (1, nil)
        case "?": return (0, 1)
        default: break
        }
        skipSpace(newlines: true)
        guard let least = number() else { throw fault("expected a number after '{'") }
        skipSpace(newlines: true)
        var most: Int? = least
        if take(",") {
            skipSpace(newlines: true)
            most = number()
            skipSpace(newlines: true)
        }
        guard take("}") else { throw fault("a '{' has no '}'") }
        guard most ?? least >= least, max(least, most ?? 0) <= Self.countLimit else {
            throw fault("expected numbers of repetitions in order, at most \(Self.countLimit)")
        }
        return (least, most)
    }

    private mutating func number() -> Int? { RegexClasses.number(in: scalars, at: &index) }

    private mutating func characterClass() throws(OuroError) -> ScalarSet {
        index += 1
        let isNegated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while !peek("]") {
            let first = try character(in: "a class").value
            guard peek("-"), index + 1 < scalars.count, scalars[index + 1] != "]" else {
                ranges.append(first...first)
                continue
            }
            index += 1
            let last = try character(in: "a class").value
            guard first <= last else { throw fault("a range of a class is in the wrong order") }
            ranges.append(first...last)
        }
        index += 1
        let set = ScalarSet(ranges)
        return isNegated ? set.complement : set.intersection(.all)
    }

    private mutating func character(in place: String) throws(OuroError) -> Unicode.Scalar {
        guard index < scalars.count else { throw fault("the end of \(place) is missing") }
        let scalar = scalars[index]
        index += 1
        guard scalar == "\\" else { return scalar }
        guard index < scalars.count else { throw fault("the end of \(place) is missing") }
        let escaped = scalars[index]
        index += 1
        switch escaped {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "\\", "\"", "[", "]", "-", "^": return escaped
        case "x": return try hex(2)
        case "u": return try hex(4)
        case "U": return try hex(8)
        default: throw fault("'\\\(escaped)' is no escape")
        }
    }

    private mutating func hex(_ count: Int) throws(OuroError) -> Unicode.Scalar {
        guard index + count <= scalars.count,
            let value = UInt32(String(String.UnicodeScalarView(scalars[index..<index + count])), radix: 16),
            let scalar = Unicode.Scalar(value)
        else { throw fault("expected \(count) hexadecimal digits of a character") }
        index += count
        return scalar
    }
}
