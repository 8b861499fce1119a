/// A set of texts. A constraint restricts a model's output to one of them.
///
/// Make one from a JSON schema (``JSONSchema``), from a list of choices, from a regular expression, from a grammar in
/// llama.cpp's notation, or with a ``GrammarBuilder``.
///
/// A grammar works on UTF-8 bytes. It is a program for a machine that follows all parses of a text at once. Rules may
/// call each other and themselves. Every instruction of the program leads to the end of some text, so a text that has
/// begun can always be completed.
public struct Grammar: Sendable {
    /// An index into the program.
    typealias Address = Int32

    enum Instruction: Sendable, Hashable {
        /// Reads one byte and continues at the edge that has the byte. The sets of the edges are disjoint.
        case branch(first: Int32, count: Int32)
        /// Reads bytes of the pool, one after the other, and continues with the next instruction.
        case literal(first: Int32, count: Int32)
        case jump(Address)
        /// Continues with both instructions.
        case split(Address, Address)
        /// Runs a rule, given by its first instruction, then continues with the next instruction.
        case call(Address)
        /// Runs the body `least` to `most` times, then continues with the next instruction. The body ends with
        /// `return`. A negative `most` stands for any number.
        case loop(body: Address, least: Int32, most: Int32)
        case `return`
        /// The text may end here.
        case accept
        /// No text continues here.
        case fail
    }

    struct Edge: Sendable, Hashable {
        /// An index into the program's sets.
        let set: Int32
        var target: Address
    }

    /// The instructions, and what they point to. The program starts at instruction 0.
    struct Program: Sendable {
        var code: [Instruction] = []
        var edges: [Edge] = []
        var sets: [ByteSet] = []
        /// The bytes of all literals.
        var pool: [UInt8] = []

        /// The memory of the program.
        var byteCount: Int {
            code.count * MemoryLayout<Instruction>.stride + edges.count * MemoryLayout<Edge>.stride
                + sets.count * MemoryLayout<ByteSet>.stride + pool.count
        }
    }

    let program: Program

    /// Whether a whole text belongs to the grammar. It is false for a text that exceeds a limit of the matching.
    func accepts(_ text: String) -> Bool { accepts(Array(text.utf8)) }

    func accepts(_ bytes: [UInt8]) -> Bool {
        var table = StateTable(program)
        do {
            var state = try table.start()
            for byte in bytes {
                table.work = 0
                state = try table.next(state, byte)
                if state == StateTable.dead { return false }
            }
            return table.accepts(state)
        } catch {
            return false
        }
    }
}
