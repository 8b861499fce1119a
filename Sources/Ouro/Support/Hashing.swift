/// The 64-bit hash FNV-1a (Fowler, Noll and Vo). It gives the same value in every run and on every machine.
///
/// Files store its values as fingerprints of recipes, adapters, data and quantisations. The hash must not change.
package struct FNV1a: Sendable {
    private static let prime: UInt64 = 0x100_0000_01B3

    /// The hash of everything added so far.
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// Makes the hash of no input.
    package init() {}

    /// Adds a word in one step of the hash. A word usually is a byte, but may be wider.
    package mutating func add(_ word: some FixedWidthInteger & UnsignedInteger) {
        value = (value ^ UInt64(word)) &* Self.prime
    }

    /// Adds the UTF-8 bytes of a text.
    package mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte) }
    }

    /// The hash of a text.
    package static func of(_ text: String) -> UInt64 {
        var hash = FNV1a()
        hash.add(text)
        return hash.value
    }
}
