/// A set of texts. A constraint restricts a model's output to one of them.
///
/// Make one from a JSON schema (``JSONSchema``) or with a ``GrammarBuilder``.
///
/// A grammar works on UTF-8 bytes. It is a program for a machine that follows all parses of a text at once. A parse is
/// an instruction and a stack of return addresses, so rules may call each other and themselves. Nothing recurses on the
/// text. A parse that needs more than 64 return addresses is dropped.
public struct Grammar: Sendable {
    enum Instruction: Sendable {
        /// Reads one byte of a set and continues with the next instruction.
        case byte(ByteSet)
        case jump(Int)
        /// Continues with both instructions.
        case split(Int, Int)
        /// Runs a rule, given by its first instruction, then continues with the next instruction.
        case call(Int)
        case `return`
        /// The text may end here.
        case accept
    }

    /// One parse of the text so far.
    struct Thread: Hashable, Sendable {
        var instruction: Int
        /// Return addresses, innermost last.
        var stack: [Int32]
    }

    /// All parses of the text so far, in a fixed order: equal sets of parses are equal values.
    struct State: Hashable, Sendable {
        fileprivate(set) var threads: [Thread] = []
        /// Whether the text may end here.
        fileprivate(set) var accepts = false

        /// Whether no text of the grammar begins like this.
        var isDead: Bool { threads.isEmpty && !accepts }
    }

    /// The largest number of return addresses of one parse.
    static let stackLimit = 64
    /// The largest number of steps between two bytes. A grammar that needs more is too ambiguous to be useful.
    private static let threadLimit = 4096

    let program: [Instruction]

    /// The state before the first byte.
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

    /// Runs every parse up to the next instruction that reads a byte.
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
