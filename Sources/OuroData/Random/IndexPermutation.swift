import Ouro

/// A random permutation of `0..<count`. It is computed from a seed, not stored.
///
/// So one number describes a position within an epoch of billions of windows. The permutation is a Feistel network over
/// an even number of bits. It is applied repeatedly until the result is below `count`.
struct IndexPermutation: Sendable {
    let count: Int
    private let keys: [UInt64]
    private let halfBits: UInt64

    /// Makes a permutation.
    ///
    /// - Parameters:
    ///   - count: the number of indices, at least 1.
    ///   - seed: the seed.
    init(count: Int, seed: UInt64) {
        self.count = max(count, 1)
        let bits = Int.bitWidth - (self.count - 1).leadingZeroBitCount
        halfBits = UInt64((bits + 1) / 2)
        keys = (0..<6).map { StableHash.combine(seed, $0) }
    }

    /// The place of an index from `0..<count`.
    subscript(_ index: Int) -> Int {
        precondition((0..<count).contains(index), "index \(index) of \(count)")
        var word = UInt64(index)
        // Few repetitions are needed: the network permutes fewer than 4 * count numbers.
        repeat { word = permuted(word) } while word >= UInt64(count)
        return Int(word)
    }

    private func permuted(_ word: UInt64) -> UInt64 {
        let mask = (UInt64(1) << halfBits) - 1
        var (left, right) = (word >> halfBits, word & mask)
        for key in keys { (left, right) = (right, left ^ (SplitMix64.mix(right ^ key) & mask)) }
        return left << halfBits | right
    }
}
