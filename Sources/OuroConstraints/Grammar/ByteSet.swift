/// A set of bytes.
struct ByteSet: Sendable, Hashable {
    /// Bit `byte % 64` of word `byte / 64` says whether the byte is in the set.
    private var words = SIMD4<UInt64>(repeating: 0)

    init(_ bytes: some Sequence<UInt8>) { for byte in bytes { insert(byte) } }

    mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1 }

    var isEmpty: Bool { words == SIMD4(repeating: 0) }
}
