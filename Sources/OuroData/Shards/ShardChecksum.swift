/// The checksum of token shards: over 8-byte words, `state = (state ^ word) * prime`, with the upper half of the product folded
/// into the lower one. Every step is a bijection of the state, so damage to a single word always shows.
struct ShardChecksum {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ word: UInt64) {
        var next = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
        next ^= next >> 32
        value = next
    }

    /// Adds bytes, whole words in little-endian order.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count % 8 == 0, "\(bytes.count) bytes are not whole words")
        for offset in stride(from: 0, to: bytes.count, by: 8) {
            add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
        }
    }
}
