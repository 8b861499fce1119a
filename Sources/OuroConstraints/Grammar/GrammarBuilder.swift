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

    /// The largest number of instructions and of edges.
    static let limit = 1 << 18
    /// The largest number of bytes in all literals.
    static let poolLimit = 4 << 20

    private var program = Grammar.Program(code: [.jump(0)])
    private var sets: [ByteSet: Int32] = [:]
    /// The first instruction of every rule; nil for a rule that is not defined yet.
    private var rules: [Int?] = []
    private var calls: [(instruction: Int, rule: Rule)] = []
    private var isDefining = false
    /// The first mistake of the caller.
    private var mistake: String?

    /// Makes a builder without rules.
    public init() {}

    /// Whether the program exceeds a limit. From then on nothing is added to it, so it cannot outgrow the limit.
    private(set) var isTooLarge = false

    /// Number of instructions so far.
    var instructionCount: Int { program.code.count }

    /// Declares a rule. It can be called before it is defined.
    public mutating func declareRule() -> Rule {
        if rules.count < Self.limit { rules.append(nil) } else { isTooLarge = true }
        return Rule(index: rules.count - 1)
    }

    /// Defines a rule.
    ///
    /// - Parameters:
    ///   - rule: declared by this builder, and not yet defined.
    ///   - body: adds what the rule reads, in order. It must not define another rule.
    public mutating func define(_ rule: Rule, _ body: (inout GrammarBuilder) -> Void) {
        if isTooLarge { return }
        guard rules.indices.contains(rule.index) else { return note("a rule belongs to another builder") }
        guard rules[rule.index] == nil else { return note("a rule is defined twice") }
        guard !isDefining else { return note("a rule is defined inside another one") }
        rules[rule.index] = program.code.count
        isDefining = true
        body(&self)
        isDefining = false
        append(.return)
    }

    /// Reads a text of another rule.
    ///
    /// - Parameters:
    ///   - rule: declared by this builder.
    public mutating func call(_ rule: Rule) { call(rule, isCounted: false) }

    /// Reads a text of another rule, and counts it as one character if `isCounted`.
    mutating func call(_ rule: Rule, isCounted: Bool) {
        if isTooLarge { return }
        calls.append((program.code.count, rule))
        append(isCounted ? .countedCall(-1) : .call(-1))
    }

    /// Reads a fixed text, byte for byte.
    ///
    /// - Parameters:
    ///   - text: the text.
    public mutating func literal(_ text: String) {
        let count = text.utf8.count
        guard count > 0 else { return }
        guard program.pool.count + count <= Self.poolLimit else {
            isTooLarge = true
            return
        }
        append(.literal(first: Int32(program.pool.count), count: Int32(count)))
        program.pool += text.utf8
    }

    /// Reads one byte of a set. An empty set has no texts.
    ///
    /// - Parameters:
    ///   - bytes: the bytes of the set.
    public mutating func byte(of bytes: some Sequence<UInt8>) {
        branch([(ByteSet(bytes), program.code.count + 1)])
    }

    /// Reads what `body` reads, or nothing.
    ///
    /// - Parameters:
    ///   - body: adds the optional part.
    public mutating func optional(_ body: (inout GrammarBuilder) -> Void) {
        let split = reserve()
        body(&self)
        set(split, .split(Int32(split + 1), here))
    }

    /// Reads what `body` reads, any number of times, including zero.
    ///
    /// - Parameters:
    ///   - body: adds the repeated part.
    public mutating func anyNumber(_ body: (inout GrammarBuilder) -> Void) {
        let split = reserve()
        body(&self)
        append(.jump(Int32(split)))
        set(split, .split(Int32(split + 1), here))
    }

    /// Reads what `body` reads, a number of times. The number of instructions does not depend on the numbers.
    ///
    /// - Parameters:
    ///   - least: the smallest number of times, at least 0.
    ///   - most: the largest number of times, from `least` to 1,000,000,000; nil for any number.
    ///   - body: adds the repeated part.
    public mutating func repeated(_ least: Int, _ most: Int?, _ body: (inout GrammarBuilder) -> Void) {
        guard least >= 0, most ?? least >= least, max(least, most ?? 0) <= 1_000_000_000 else {
            return note("a number of repetitions is out of range")
        }
        if most == 0 { return }
        let loop = reserve()
        let jump = reserve()
        let start = here
        body(&self)
        append(.return)
        set(loop, .loop(body: start, least: Int32(least), most: Int32(most ?? -1)))
        set(jump, .jump(here))
    }

    /// Reads what one of the bodies reads. Without bodies it reads nothing.
    ///
    /// - Parameters:
    ///   - bodies: each adds one alternative.
    public mutating func choice(_ bodies: [(inout GrammarBuilder) -> Void]) {
        var ends: [Int] = []
        for (index, body) in bodies.enumerated() {
            if isTooLarge { return }
            guard index < bodies.count - 1 else {
                body(&self)
                break
            }
            let split = reserve()
            body(&self)
            ends.append(reserve())
            set(split, .split(Int32(split + 1), here))
        }
        for end in ends { set(end, .jump(here)) }
    }

    /// Makes the grammar of the texts of a rule.
    ///
    /// - Parameters:
    ///   - rule: the rule that a whole text must match.
    /// - Throws: `OuroError` with code `invalidRequest`. A rule may be called but not defined, be defined twice or inside
    ///   another one, or belong to another builder. A rule may call itself before it reads a byte. Perhaps no text
    ///   matches. The grammar may also have more than 262,144 instructions or 4 MiB of literals.
    public consuming func finish(_ rule: Rule) throws(OuroError) -> Grammar {
        let start = program.code.count
        call(rule)
        append(.accept)
        set(0, .jump(Int32(start)))
        guard !isTooLarge else {
            throw Self.fault(
                "it has more than \(Self.limit) instructions, or more than \(Self.poolLimit) literal bytes")
        }
        for (instruction, rule) in calls {
            guard rules.indices.contains(rule.index) else {
                note("a rule belongs to another builder")
                continue
            }
            guard let first = rules[rule.index] else {
                note("a rule is called but not defined")
                continue
            }
            if case .countedCall = program.code[instruction] {
                set(instruction, .countedCall(Int32(first)))
            } else {
                set(instruction, .call(Int32(first)))
            }
        }
        if let mistake { throw Self.fault(mistake) }
        program.replaceTailCalls()
        guard program.removeDeadEnds() else { throw Self.fault("no text matches it") }
        guard !program.hasLeftRecursion() else { throw Self.fault("a rule calls itself before it reads a byte") }
        return Grammar(program: program)
    }

    static func fault(_ message: String) -> OuroError { OuroError(.invalidRequest, field: "grammar", message) }

    private mutating func note(_ mistake: String) {
        if self.mistake == nil { self.mistake = mistake }
    }

    /// Adds a grammar as a rule, so that a larger grammar can contain it: a JSON schema between two marks, for example.
    ///
    /// - Parameters:
    ///   - grammar: the grammar. Its texts are the texts of the rule.
    /// - Returns: a rule that is defined already.
    public mutating func embed(_ grammar: Grammar) -> Rule {
        let rule = declareRule()
        let other = grammar.program
        if program.code.count + other.code.count > Self.limit || program.edges.count + other.edges.count > Self.limit
            || program.pool.count + other.pool.count > Self.poolLimit
        {
            isTooLarge = true
        }
        guard !isTooLarge, rules.indices.contains(rule.index) else { return rule }
        let (start, edges, pool) = (here, Int32(program.edges.count), Int32(program.pool.count))
        rules[rule.index] = Int(start)
        program.pool += other.pool
        for edge in other.edges {
            let bytes = other.sets[Int(edge.set)]
            let number = sets[bytes] ?? Int32(program.sets.count)
            if Int(number) == program.sets.count {
                sets[bytes] = number
                program.sets.append(bytes)
            }
            program.edges.append(Grammar.Edge(set: number, target: start + edge.target))
        }
        for instruction in other.code {
            switch instruction {
            case .branch(let first, let count): append(.branch(first: edges + first, count: count))
            case .literal(let first, let count): append(.literal(first: pool + first, count: count))
            case .jump(let target): append(.jump(start + target))
            case .split(let first, let second): append(.split(start + first, start + second))
            case .call(let target): append(.call(start + target))
            case .loop(let body, let least, let most): append(.loop(body: start + body, least: least, most: most))
            case .countedBranch(let first, let count): append(.countedBranch(first: edges + first, count: count))
            case .countedCall(let target): append(.countedCall(start + target))
            case .limit, .endCount, .return, .fail: append(instruction)
            // The end of a text is the end of the rule.
            case .accept: append(.return)
            }
        }
        return rule
    }

    // MARK: single instructions

    /// The address of the next instruction.
    var here: Grammar.Address { Int32(program.code.count) }

    /// Adds an instruction that matches no text.
    mutating func fail() { append(.fail) }

    /// Adds an instruction that is set later, and returns its address.
    mutating func reserve() -> Int {
        append(.fail)
        return program.code.count - 1
    }

    mutating func set(_ index: Int, _ instruction: Grammar.Instruction) {
        if !isTooLarge { program.code[index] = instruction }
    }

    mutating func append(_ instruction: Grammar.Instruction) {
        if program.code.count >= Self.limit { isTooLarge = true }
        if !isTooLarge { program.code.append(instruction) }
    }

    /// Adds an instruction that reads one byte. The sets must be disjoint.
    mutating func branch(_ targets: [(bytes: ByteSet, target: Int)], isCounted: Bool = false) {
        if program.edges.count + targets.count > Self.limit { isTooLarge = true }
        if isTooLarge { return }
        let first = program.edges.count
        for (bytes, target) in targets {
            let number = sets[bytes] ?? Int32(program.sets.count)
            if Int(number) == program.sets.count {
                sets[bytes] = number
                program.sets.append(bytes)
            }
            program.edges.append(Grammar.Edge(set: number, target: Int32(target)))
        }
        let count = Int32(targets.count)
        append(
            isCounted ? .countedBranch(first: Int32(first), count: count) : .branch(first: Int32(first), count: count))
    }

    /// Adds a constant to the targets of the edges from an index on: places become addresses.
    mutating func resolveEdges(from first: Int, _ address: (Int) -> Grammar.Address) {
        if isTooLarge { return }
        for index in first..<program.edges.count {
            program.edges[index].target = address(Int(program.edges[index].target))
        }
    }

    var edgeCount: Int { program.edges.count }
}
