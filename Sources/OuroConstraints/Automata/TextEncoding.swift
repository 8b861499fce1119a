import Ouro

/// How the characters of an automaton are written.
enum TextEncoding: Sendable, Hashable {
    /// Every number is a byte.
    case bytes
    /// As UTF-8.
    case utf8
    /// As in a JSON string: any character may be escaped, and some must be. Characters beyond U+FFFF are escaped as a
    /// pair of surrogates; lone surrogates do not occur.
    case json

    /// The characters that are written as one byte without an escape.
    var plain: ScalarSet {
        switch self {
        case .bytes: ScalarSet([0...0xFF])
        case .utf8: ScalarSet([0...0x7F])
        case .json: ScalarSet([0x20...0x21, 0x23...0x5B, 0x5D...0x7F])
        }
    }

    /// The byte sequences of the characters of a set, except those of `plain` without an escape.
    func longForms(of set: ScalarSet) -> Expression {
        switch self {
        case .bytes: .choice([])
        case .utf8: Self.utf8(set)
        case .json: .choice([Self.utf8(set), Self.escapes(set)])
        }
    }

    /// The UTF-8 sequences of the characters beyond ASCII.
    private static func utf8(_ set: ScalarSet) -> Expression {
        var forms: [Expression] = []
        let tail: ClosedRange<UInt32> = 0x80...0xBF
        /// Adds the sequences of the characters of a range, which all have the same number of bytes.
        func add(_ first: UInt32, _ last: UInt32, bytes: Int) {
            func byte(_ value: UInt32, _ index: Int) -> UInt32 {
                let bits = value >> UInt32(6 * (bytes - 1 - index))
                if index > 0 { return 0x80 | bits & 0x3F }
                return ([0, 0, 0xC0, 0xE0, 0xF0] as [UInt32])[bytes] | bits
            }
            forms += sequences(
                (0..<bytes).map { byte(first, $0) }, (0..<bytes).map { byte(last, $0) }, all: tail
            ).map { .sequence($0.map { .one(ScalarSet([$0])) }) }
        }
        for range in set.ranges {
            for (low, high, bytes) in [(0x80, 0x7FF, 2), (0x800, 0xFFFF, 3), (0x10000, 0x10FFFF, 4)] as [(UInt32, UInt32, Int)]
            where range.overlaps(low...high) {
                let part = range.clamped(to: low...high)
                add(part.lowerBound, part.upperBound, bytes: bytes)
            }
        }
        return .choice(forms)
    }

    private static func escapes(_ set: ScalarSet) -> Expression {
        var forms: [Expression] = []
        for (name, value) in [
            ("\"", 0x22), ("\\", 0x5C), ("/", 0x2F), ("b", 0x08), ("f", 0x0C), ("n", 0x0A), ("r", 0x0D), ("t", 0x09),
        ] as [(String, UInt32)] where set.contains(value) { forms.append(.text(name)) }
        let mark = Expression.text("u")
        for range in set.ranges {
            if range.lowerBound <= 0xFFFF {
                forms.append(.sequence([mark, hex(range.lowerBound, min(range.upperBound, 0xFFFF))]))
            }
            guard range.upperBound > 0xFFFF else { continue }
            // Pairs of surrogates: 10 bits each.
            let (first, last) = (max(range.lowerBound, 0x10000) - 0x10000, range.upperBound - 0x10000)
            func pair(_ high: ClosedRange<UInt32>, _ low: ClosedRange<UInt32>) {
                forms.append(
                    .sequence([
                        mark, hex(0xD800 + high.lowerBound, 0xD800 + high.upperBound), .text("\\u"),
                        hex(0xDC00 + low.lowerBound, 0xDC00 + low.upperBound),
                    ]))
            }
            let (top, bottom) = (first >> 10, last >> 10)
            if top == bottom {
                pair(top...top, first & 0x3FF...last & 0x3FF)
            } else {
                pair(top...top, first & 0x3FF...0x3FF)
                if top + 1 < bottom { pair(top + 1...bottom - 1, 0...0x3FF) }
                pair(bottom...bottom, 0...last & 0x3FF)
            }
        }
        return .sequence([.text("\\"), .choice(forms)])
    }

    /// Four hexadecimal digits, in either case.
    private static func hex(_ first: UInt32, _ last: UInt32) -> Expression {
        func digits(_ value: UInt32) -> [UInt32] { (0..<4).map { value >> UInt32(12 - 4 * $0) & 15 } }
        return .choice(
            sequences(digits(first), digits(last), all: 0...15).map { ranges in
                .sequence(
                    ranges.map { range in
                        .one(
                            ScalarSet(
                                range.flatMap { digit -> [ClosedRange<UInt32>] in
                                    if digit < 10 { return [0x30 + digit...0x30 + digit] }
                                    return [0x41 + digit - 10...0x41 + digit - 10, 0x61 + digit - 10...0x61 + digit - 10]
                                }))
                    })
            })
    }

    /// The sequences of digits between two sequences of the same length, as products of ranges. Every digit after the
    /// first one may have any value of `all`.
    private static func sequences(
        _ first: [UInt32], _ last: [UInt32], all: ClosedRange<UInt32>
    ) -> [[ClosedRange<UInt32>]] {
        guard first.count > 1 else { return [[first[0]...last[0]]] }
        let (low, high) = (Array(first.dropFirst()), Array(last.dropFirst()))
        let (least, most) = (low.map { _ in all.lowerBound }, low.map { _ in all.upperBound })
        if first[0] == last[0] { return sequences(low, high, all: all).map { [first[0]...first[0]] + $0 } }
        var result: [[ClosedRange<UInt32>]] = []
        var (start, end) = (first[0], last[0])
        if low != least {
            result += sequences(low, most, all: all).map { [first[0]...first[0]] + $0 }
            start += 1
        }
        if high != most {
            result += sequences(least, high, all: all).map { [last[0]...last[0]] + $0 }
            end -= 1
        }
        if start <= end { result.append([start...end] + low.map { _ in all }) }
        return result
    }
}

/// The rules for single characters. Equal sets share one rule.
struct CharacterRules {
    private struct Key: Hashable {
        let set: ScalarSet
        let encoding: TextEncoding
    }

    private var rules: [Key: GrammarBuilder.Rule] = [:]

    /// The rule for a character of a set in a form of more than one byte; nil if there is none.
    mutating func longForm(
        of set: ScalarSet, _ encoding: TextEncoding, _ builder: inout GrammarBuilder, _ budget: inout CompileBudget,
        place: String
    ) throws(OuroError) -> GrammarBuilder.Rule? {
        if encoding == .bytes || encoding == .utf8 && (set.ranges.last?.upperBound ?? 0) < 0x80 { return nil }
        let key = Key(set: set, encoding: encoding)
        if let known = rules[key] { return known }
        try budget.take(set.ranges.count * 16, for: place)
        let automaton = try Automaton(encoding.longForms(of: set), &budget, place: place)
        let rule = builder.declareRule()
        builder.define(rule) { $0.run(automaton, .bytes, [:]) }
        rules[key] = rule
        return rule
    }

    /// Defines a rule that reads the texts of an automaton.
    mutating func define(
        _ rule: GrammarBuilder.Rule, _ automaton: Automaton, _ encoding: TextEncoding, before: String = "",
        after: String = "", _ builder: inout GrammarBuilder, _ budget: inout CompileBudget, place: String
    ) throws(OuroError) {
        var longForms: [Int: GrammarBuilder.Rule] = [:]
        for (index, set) in automaton.sets.enumerated() {
            longForms[index] = try longForm(of: set, encoding, &builder, &budget, place: place)
        }
        builder.define(rule) { builder in
            builder.literal(before)
            builder.run(automaton, encoding, longForms)
            builder.literal(after)
        }
    }
}

extension GrammarBuilder {
    /// Reads a text of an automaton.
    ///
    /// - Parameters:
    ///   - automaton: the automaton.
    ///   - encoding: how its characters are written.
    ///   - longForms: for each of the automaton's sets, the rule of the forms of more than one byte.
    mutating func run(_ automaton: Automaton, _ encoding: TextEncoding, _ longForms: [Int: Rule]) {
        var addresses: [Grammar.Address] = []
        var jumps: [(instruction: Int, state: Int)] = []
        var ends: [Int] = []
        let firstEdge = edgeCount
        let plain = automaton.sets.map { set in
            ByteSet(set.intersection(encoding.plain).ranges.flatMap { $0.map { UInt8(truncatingIfNeeded: $0) } })
        }
        for state in automaton.states {
            if isTooLarge { return }
            addresses.append(here)
            if state.accepts {
                let split = reserve()
                ends.append(reserve())
                set(split, .split(Int32(split + 1), here))
            }
            for edge in state.edges {
                guard let rule = longForms[edge.set] else { continue }
                let split = reserve()
                call(rule)
                jumps.append((reserve(), edge.target))
                set(split, .split(Int32(split + 1), here))
            }
            branch(
                state.edges.filter { !plain[$0.set].isEmpty }.map { (plain[$0.set], $0.target) })
        }
        resolveEdges(from: firstEdge) { addresses[$0] }
        for (instruction, state) in jumps { set(instruction, .jump(addresses[state])) }
        for end in ends { set(end, .jump(here)) }
    }
}
