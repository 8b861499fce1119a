/// The checksum of token shards, over words of 8 bytes.
///
/// Each step computes `state = (state ^ word) * prime` and folds the upper half of the product into the lower half. A
/// step is a bijection of the state, so a change of a single word always changes the checksum.
struct ShardChecksum {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ word: UInt64) {
        var next = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
        next ^= next >> 32
        value = next
    }

    /// Adds whole words in little-endian order.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count % 8 == 0, "\(bytes.count) bytes are not whole words")
        for offset in stride(from: 0, to: bytes.count, by: 8) {
            add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
        }
    }
}
