/// The merges of a vocabulary: which adjacent tokens merge, in which order, and into what. A hash table with open
/// addressing.
struct MergeTable: Sendable {
    /// The result of merging a pair.
    struct Merge: Sendable {
        /// The index in the file's list. Lower ranks merge first. Every pair has a different rank.
        var rank: Int32
        /// The token that replaces the pair.
        var result: Int32

        /// The value of pairs that do not merge.
        static let none = Merge(rank: .max, result: -1)
    }

    private struct Slot {
        /// The left token in the upper half, the right one in the lower half. All bits are set in a free slot.
        var key: UInt64
        var merge: Merge
    }

    private var slots: [Slot]
    private let mask: Int
    /// A random seed. It prevents a file whose pairs all have the same hash.
    private let seed = UInt64.random(in: .min ... .max)

    /// - Parameter count: the largest number of pairs that will be inserted.
    init(count: Int) {
        var capacity = 16
        while capacity < 2 * count { capacity *= 2 }
        slots = Array(repeating: Slot(key: .max, merge: .none), count: capacity)
        mask = capacity - 1
    }

    /// Inserts a pair. A pair that is already present gets the new rank, as in the reference implementation.
    mutating func insert(_ merge: Merge, left: Int32, right: Int32) {
        let key = Self.key(left, right)
        slots[index(of: key)] = Slot(key: key, merge: merge)
    }

    /// The merge of a pair; `Merge.none` if the pair does not merge.
    @inline(__always) func merge(_ left: Int32, _ right: Int32) -> Merge {
        slots[index(of: Self.key(left, right))].merge
    }

    @inline(__always) private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// The slot of a key, or the free slot for it. At least half of the slots are free.
    @inline(__always) private func index(of key: UInt64) -> Int {
        var hash = (key ^ seed) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 32) &* 0xD6E8_FEB8_6659_FD93
        var index = Int(truncatingIfNeeded: hash >> 32) & mask
        while slots[index].key != key, slots[index].key != .max { index = (index + 1) & mask }
        return index
    }
}
