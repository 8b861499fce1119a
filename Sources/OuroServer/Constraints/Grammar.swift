/// A language over bytes: a program for a machine that follows all readings at once.
///
/// Threads are an instruction and a stack of return addresses, so that rules may refer to each other and to themselves. There
/// is no recursion on input: nesting is bounded by ``stackLimit``, beyond which a reading is given up.
struct Grammar: Sendable {
    enum Instruction: Sendable {
        /// One byte of a set; then the next instruction.
        case byte(ByteSet)
        case jump(Int)
        /// Both of two instructions.
        case split(Int, Int)
        /// A rule; then the next instruction.
        case call(Int)
        case `return`
        case accept
    }

    /// Set of bytes.
    struct ByteSet: Sendable, Hashable {
        private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        init(_ bytes: some Sequence<UInt8>) { for byte in bytes { insert(byte) } }

        mutating func insert(_ byte: UInt8) {
            let bit = UInt64(1) << (byte & 63)
            switch byte >> 6 {
            case 0: words.0 |= bit
            case 1: words.1 |= bit
            case 2: words.2 |= bit
            default: words.3 |= bit
            }
        }

        func contains(_ byte: UInt8) -> Bool {
            let word =
                switch byte >> 6 {
                case 0: words.0
                case 1: words.1
                case 2: words.2
                default: words.3
                }
            return word >> (byte & 63) & 1 == 1
        }

        static func == (a: ByteSet, b: ByteSet) -> Bool { a.words == b.words }
        func hash(into hasher: inout Hasher) {
            hasher.combine(words.0)
            hasher.combine(words.1)
            hasher.combine(words.2)
            hasher.combine(words.3)
        }
    }

    struct Thread: Hashable, Sendable {
        var instruction: Int
        var stack: [Int32]
    }

    /// All readings of what was read so far, in a fixed order: equal sets of readings are equal values.
    struct State: Hashable, Sendable {
        fileprivate(set) var threads: [Thread] = []
        /// Whether the text may end here.
        fileprivate(set) var accepts = false

        var isDead: Bool { threads.isEmpty && !accepts }
    }

    static let stackLimit = 64
    /// Readings at once; a grammar that needs more is ambiguous beyond use.
    private static let threadLimit = 4096

    let program: [Instruction]

    var start: State { closure([Thread(instruction: 0, stack: [])]) }

    /// The state after one more byte.
    func advance(_ state: State, _ byte: UInt8) -> State {
        var next: [Thread] = []
        for thread in state.threads {
            if case .byte(let set) = program[thread.instruction], set.contains(byte) {
                next.append(Thread(instruction: thread.instruction + 1, stack: thread.stack))
            }
        }
        return closure(next)
    }

    /// Follows everything that reads no byte.
    private func closure(_ threads: [Thread]) -> State {
        var state = State()
        var pending = Array(threads.reversed())
        var seen: Set<Thread> = []
        while let thread = pending.popLast() {
            guard seen.count < Self.threadLimit, seen.insert(thread).inserted else { continue }
            var (next, stack) = (thread.instruction, thread.stack)
            switch program[thread.instruction] {
            case .byte: state.threads.append(thread)
            case .jump(let target): pending.append(Thread(instruction: target, stack: stack))
            case .split(let first, let second):
                pending.append(Thread(instruction: second, stack: stack))
                pending.append(Thread(instruction: first, stack: stack))
            case .call(let rule):
                guard stack.count < Self.stackLimit else { continue }
                stack.append(Int32(next + 1))
                pending.append(Thread(instruction: rule, stack: stack))
            case .return:
                guard let last = stack.popLast() else { continue }
                next = Int(last)
                pending.append(Thread(instruction: next, stack: stack))
            case .accept: state.accepts = true
            }
        }
        return state
    }
}

/// Puts a grammar's program together.
struct GrammarBuilder {
    private(set) var program: [Grammar.Instruction] = [.jump(0)]
    private var rules: [Int] = []
    private var calls: [(instruction: Int, rule: Int)] = []

    /// Instructions at most; a schema that needs more is refused.
    static let limit = 1 << 18

    var isTooLarge: Bool { program.count > Self.limit }

    /// A rule whose instructions follow later.
    mutating func declareRule() -> Int {
        rules.append(-1)
        return rules.count - 1
    }

    mutating func define(_ rule: Int, _ body: (inout GrammarBuilder) -> Void) {
        rules[rule] = program.count
        body(&self)
        program.append(.return)
    }

    mutating func call(_ rule: Int) {
        calls.append((program.count, rule))
        program.append(.call(-1))
    }

    mutating func literal(_ text: String) {
        for byte in text.utf8 { program.append(.byte(.init([byte]))) }
    }

    mutating func set(_ bytes: some Sequence<UInt8>) { program.append(.byte(.init(bytes))) }

    mutating func optional(_ body: (inout GrammarBuilder) -> Void) {
        let split = program.count
        program.append(.accept)
        body(&self)
        program[split] = .split(split + 1, program.count)
    }

    mutating func anyNumber(_ body: (inout GrammarBuilder) -> Void) {
        let split = program.count
        program.append(.accept)
        body(&self)
        program.append(.jump(split))
        program[split] = .split(split + 1, program.count)
    }

    mutating func choice(_ bodies: [(inout GrammarBuilder) -> Void]) {
        var ends: [Int] = []
        for (index, body) in bodies.enumerated() {
            guard index < bodies.count - 1 else {
                body(&self)
                break
            }
            let split = program.count
            program.append(.accept)
            body(&self)
            ends.append(program.count)
            program.append(.accept)
            program[split] = .split(split + 1, program.count)
        }
        for end in ends { program[end] = .jump(program.count) }
    }

    /// The program that reads `rule` and then ends.
    mutating func finish(_ rule: Int) -> Grammar {
        let start = program.count
        call(rule)
        program.append(.accept)
        program[0] = .jump(start)
        for (instruction, rule) in calls { program[instruction] = .call(rules[rule]) }
        return Grammar(program: program)
    }
}
