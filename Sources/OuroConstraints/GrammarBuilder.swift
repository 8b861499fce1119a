import Ouro

/// Builds a grammar, rule by rule.
///
/// A rule is a sequence of literals, byte sets, calls of other rules, options, repetitions and choices. Rules may call each
/// other and themselves: declare a rule, call it anywhere, and define it once.
///
/// ```swift
/// var builder = GrammarBuilder()
/// let answer = builder.declareRule()
/// builder.define(answer) { builder in
///     builder.literal("answer: ")
///     builder.choice([{ $0.literal("yes") }, { $0.literal("no") }])
/// }
/// let grammar = try builder.finish(answer)
/// ```
public struct GrammarBuilder {
    /// A rule of one builder.
    public struct Rule: Sendable, Hashable {
        fileprivate let index: Int
    }

    /// The largest number of instructions. A literal takes one for every byte; everything else takes one to three.
    static let limit = 1 << 18

    private var program: [Grammar.Instruction] = [.jump(0)]
    /// The first instruction of every rule; nil for a rule that is not defined yet.
    private var rules: [Int?] = []
    private var calls: [(instruction: Int, rule: Rule)] = []
    private var isDefining = false
    /// The first mistake of the caller.
    private var mistake: String?

    /// Makes a builder without rules.
    public init() {}

    var isTooLarge: Bool { program.count > Self.limit }

    /// Number of instructions so far.
    var instructionCount: Int { program.count }

    /// Declares a rule. It can be called before it is defined.
    public mutating func declareRule() -> Rule {
        rules.append(nil)
        return Rule(index: rules.count - 1)
    }

    /// Defines a rule.
    ///
    /// - Parameters:
    ///   - rule: declared by this builder, and not yet defined.
    ///   - body: adds what the rule reads, in order. It must not define another rule.
    public mutating func define(_ rule: Rule, _ body: (inout GrammarBuilder) -> Void) {
        guard rules.indices.contains(rule.index) else { return note("a rule belongs to another builder") }
        guard rules[rule.index] == nil else { return note("a rule is defined twice") }
        guard !isDefining else { return note("a rule is defined inside another one") }
        rules[rule.index] = program.count
        isDefining = true
        body(&self)
        isDefining = false
        program.append(.return)
    }

    /// Reads a text of another rule.
    ///
    /// - Parameters:
    ///   - rule: declared by this builder.
    public mutating func call(_ rule: Rule) {
        calls.append((program.count, rule))
        program.append(.call(-1))
    }

    /// Reads a fixed text, byte for byte.
    ///
    /// - Parameters:
    ///   - text: the text.
    public mutating func literal(_ text: String) {
        for byte in text.utf8 { program.append(.byte(.init([byte]))) }
    }

    /// Reads one byte of a set.
    ///
    /// - Parameters:
    ///   - bytes: the bytes of the set.
    public mutating func byte(of bytes: some Sequence<UInt8>) { program.append(.byte(.init(bytes))) }

    /// Reads what `body` reads, or nothing.
    ///
    /// - Parameters:
    ///   - body: adds the optional part.
    public mutating func optional(_ body: (inout GrammarBuilder) -> Void) {
        let split = reserve()
        body(&self)
        program[split] = .split(split + 1, program.count)
    }

    /// Reads what `body` reads, any number of times, including zero.
    ///
    /// - Parameters:
    ///   - body: adds the repeated part.
    public mutating func anyNumber(_ body: (inout GrammarBuilder) -> Void) {
        let split = reserve()
        body(&self)
        program.append(.jump(split))
        program[split] = .split(split + 1, program.count)
    }

    /// Reads what one of the bodies reads. Without bodies it reads nothing.
    ///
    /// - Parameters:
    ///   - bodies: each adds one alternative.
    public mutating func choice(_ bodies: [(inout GrammarBuilder) -> Void]) {
        var ends: [Int] = []
        for (index, body) in bodies.enumerated() {
            guard index < bodies.count - 1 else {
                body(&self)
                break
            }
            let split = reserve()
            body(&self)
            ends.append(reserve())
            program[split] = .split(split + 1, program.count)
        }
        for end in ends { program[end] = .jump(program.count) }
    }

    /// Reads a sequence of parts. The sequence may start at any of its first parts.
    ///
    /// The parts after the first are added only once. So the number of instructions is linear in the number of parts.
    ///
    /// - Parameters:
    ///   - count: the number of parts.
    ///   - beginnings: how many of the parts may be the first one.
    ///   - mayBeEmpty: whether the sequence may have no part at all.
    ///   - first: adds a part as the first one.
    ///   - later: adds a part after another one, or the choice to omit it.
    mutating func sequence(
        count: Int, beginnings: Int, mayBeEmpty: Bool, first: (inout GrammarBuilder, Int) -> Void,
        later: (inout GrammarBuilder, Int) -> Void
    ) {
        var jumps: [(instruction: Int, part: Int)] = []
        for index in 0..<beginnings {
            let isLast = index == beginnings - 1 && !mayBeEmpty
            let split = isLast ? nil : reserve()
            first(&self, index)
            jumps.append((reserve(), index + 1))
            if let split { program[split] = .split(split + 1, program.count) }
        }
        if mayBeEmpty { jumps.append((reserve(), count)) }
        var places: [Int] = []
        for index in 0..<count {
            places.append(program.count)
            later(&self, index)
        }
        places.append(program.count)
        for jump in jumps { program[jump.instruction] = .jump(places[jump.part]) }
    }

    /// Makes the grammar of the texts of a rule.
    ///
    /// - Parameters:
    ///   - rule: the rule that a whole text must match.
    /// - Throws: `OuroError` with code `invalidRequest` if a rule is called but not defined, defined twice, defined
    ///   inside another one or belongs to another builder, or if the grammar has more than 262,144 instructions.
    public consuming func finish(_ rule: Rule) throws(OuroError) -> Grammar {
        let start = program.count
        call(rule)
        program.append(.accept)
        program[0] = .jump(start)
        for (instruction, rule) in calls {
            guard rules.indices.contains(rule.index) else {
                note("a rule belongs to another builder")
                continue
            }
            guard let first = rules[rule.index] else {
                note("a rule is called but not defined")
                continue
            }
            program[instruction] = .call(first)
        }
        if isTooLarge { note("it has more than \(Self.limit) instructions") }
        if let mistake { throw OuroError(.invalidRequest, field: "grammar", mistake) }
        return Grammar(program: program)
    }

    /// Defines a rule by the program of a grammar. Its targets move, and the end of a text becomes the end of the rule.
    mutating func splice(_ instructions: [Grammar.Instruction], as rule: Rule) {
        let start = program.count
        rules[rule.index] = start
        for instruction in instructions {
            switch instruction {
            case .byte, .return: program.append(instruction)
            case .jump(let target): program.append(.jump(start + target))
            case .split(let first, let second): program.append(.split(start + first, start + second))
            case .call(let target): program.append(.call(start + target))
            case .accept: program.append(.return)
            }
        }
    }

    /// Adds an instruction whose target is set later, and returns its index.
    private mutating func reserve() -> Int {
        program.append(.accept)
        return program.count - 1
    }

    private mutating func note(_ mistake: String) {
        if self.mistake == nil { self.mistake = mistake }
    }
}
