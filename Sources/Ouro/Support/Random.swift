/// A random number generator that gives the same numbers in every version and on every machine: SplitMix64 (Steele, Lea
/// and Flood, 2014).
///
/// The standard library's methods may give other numbers in a later version. Weights, data and tests whose numbers must
/// stay the same for a seed therefore take all bits from `next()`.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    /// The increment of the state: 2^64 divided by the golden ratio.
    package static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private var state: UInt64

    /// - Parameter state: the state before the first number.
    package init(state: UInt64) { self.state = state }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mix(state)
    }

    /// The output function of the generator. It mixes the bits of a word and is a bijection.
    package static func mix(_ word: UInt64) -> UInt64 {
        var z = word
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
