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

    /// Instructions at most. A literal takes one for every byte, everything else takes one to three.
    static let limit = 1 << 18

    private var program: [Grammar.Instruction] = [.jump(0)]
    /// The first instruction of every rule; nil for one that is not defined.
    private var rules: [Int?] = []
    private var calls: [(instruction: Int, rule: Rule)] = []
    private var isDefining = false
    /// The first mistake of the caller.
    private var mistake: String?

    public init() {}

    var isTooLarge: Bool { program.count > Self.limit }

    /// Number of instructions so far.
    var instructionCount: Int { program.count }

    /// A rule that is defined later.
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

    /// Reads what a rule reads.
    public mutating func call(_ rule: Rule) {
        calls.append((program.count, rule))
        program.append(.call(-1))
    }

    /// Reads a text, byte for byte.
    public mutating func literal(_ text: String) {
        for byte in text.utf8 { program.append(.byte(.init([byte]))) }
    }

    /// Reads one byte of a set.
    public mutating func byte(of bytes: some Sequence<UInt8>) { program.append(.byte(.init(bytes))) }

    /// Reads what `body` adds, or nothing.
    public mutating func optional(_ body: (inout GrammarBuilder) -> Void) {
        let split = reserve()
        body(&self)
        program[split] = .split(split + 1, program.count)
    }

    /// Reads what `body` adds any number of times, zero included.
    public mutating func anyNumber(_ body: (inout GrammarBuilder) -> Void) {
        let split = reserve()
        body(&self)
        program.append(.jump(split))
        program[split] = .split(split + 1, program.count)
    }

    /// Reads what one of the bodies adds. Without a body it reads nothing.
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

    /// Reads a sequence of parts that may begin at any of its first parts.
    ///
    /// The parts after the first are added once, whichever part is the first, so the size is linear in the number of parts.
    ///
    /// - Parameters:
    ///   - count: parts of the sequence.
    ///   - beginnings: how many of the parts may be the first one.
    ///   - mayBeEmpty: whether the sequence may have no part at all.
    ///   - first: adds a part as the first one.
    ///   - later: adds a part after another one, or the option to leave it out.
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

    /// The grammar of the texts that `rule` reads from their first byte to their last.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` if a rule is called but not defined, defined twice, defined inside
    ///   another one or belongs to another builder, or if the grammar has more than 262,144 instructions.
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

    /// Adds an instruction that is set when its target is known, and gives its place.
    private mutating func reserve() -> Int {
        program.append(.accept)
        return program.count - 1
    }

    private mutating func note(_ mistake: String) {
        if self.mistake == nil { self.mistake = mistake }
    }
}
