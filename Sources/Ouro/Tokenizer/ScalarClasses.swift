/// The classes of all Unicode scalars in the reference implementation.
///
/// The table has two stages: blocks of 256 scalars, most of them shared. Swift's own `Unicode.Scalar.Properties` are
/// not used, because their version of Unicode depends on the system.
struct ScalarClasses: Sendable {
    static let shared = ScalarClasses()

    /// `\p{L}` in the splitting expression.
    static let letter: UInt8 = 1
    /// `\p{N}` in the splitting expression.
    static let number: UInt8 = 2
    /// `\s` in the splitting expression and around added tokens.
    static let whitespace: UInt8 = 4
    /// A digit in the `Digits` step, which uses a newer version of Unicode than `\p{N}`.
    static let digit: UInt8 = 8
    /// `\w` around added tokens.
    static let word: UInt8 = 16

    /// The kinds of scalars that form words. The remaining kind, such as punctuation, is 0.
    static let kinds: UInt8 = letter | number | whitespace

    /// The block in `classes` of the scalars from `256 * index` on.
    private var blocks: [UInt8] = []
    /// The classes of all blocks. Block 0 has ASCII and Latin-1.
    private var classes: [UInt8] = []

    private init() {
        var known: [[UInt8]: UInt8] = [:]
        var next = Self.changes.startIndex
        var current: UInt8 = 0
        var block = [UInt8](repeating: 0, count: 256)
        for start in stride(from: UInt32(0), to: 0x11_0000, by: 256) {
            for offset in 0..<256 {
                if next < Self.changes.count, Self.changes[next] >> 8 == start + UInt32(offset) {
                    current = UInt8(truncatingIfNeeded: Self.changes[next])
                    next += 1
                }
                block[offset] = current
            }
            if let index = known[block] {
                blocks.append(index)
            } else {
                let index = UInt8(known.count)
                known[block] = index
                blocks.append(index)
                classes += block
            }
        }
    }

    /// The class of an ASCII character.
    @inline(__always) func ofASCII(_ byte: UInt8) -> UInt8 { classes[Int(byte)] }

    /// The class of a scalar.
    @inline(__always) func of(_ scalar: UInt32) -> UInt8 {
        classes[Int(blocks[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
    }

    /// The class of the scalar at `position`, and its length in bytes. `text` is valid UTF-8, and a scalar begins at
    /// `position`.
    @inline(__always) func at(_ position: Int, in text: [UInt8]) -> (value: UInt8, length: Int) {
        let first = text[position]
        if first < 0x80 { return (ofASCII(first), 1) }
        return beyondASCII(first, position, text)
    }

    private func beyondASCII(_ first: UInt8, _ position: Int, _ text: [UInt8]) -> (value: UInt8, length: Int) {
        func tail(_ offset: Int) -> UInt32 { UInt32(text[position + offset] & 0x3F) }
        switch first {
        case 0xF0...: return (of(UInt32(first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)), 4)
        case 0xE0...: return (of(UInt32(first & 0x0F) << 12 | tail(1) << 6 | tail(2)), 3)
        default: return (of(UInt32(first & 0x1F) << 6 | tail(1)), 2)
        }
    }

    /// The start of the scalar before `position`, which is greater than `lowerBound`.
    func start(before position: Int, in text: [UInt8], from lowerBound: Int) -> Int {
        var start = position - 1
        while start > lowerBound, text[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }
}
