/// The hash FNV-1a of 64 bits (Fowler, Noll and Vo), the same in every run and on every machine.
///
/// Its values stand in files: fingerprints of recipes, adapters, data and quantisations. They must not change.
package struct FNV1a: Sendable {
    private static let prime: UInt64 = 0x100_0000_01B3

    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    package init() {}

    /// One step of the hash: usually a byte, but wider words are hashed in one step as well.
    package mutating func add(_ word: some FixedWidthInteger & UnsignedInteger) {
        value = (value ^ UInt64(word)) &* Self.prime
    }

    /// The bytes of a text in UTF-8.
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
