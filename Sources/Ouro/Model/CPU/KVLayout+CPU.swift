import OuroKernels

// The arrangement of keys and values inside a block on the CPU. The kernels define it (`OuroCacheKernels.h`).
//
// Keys are arranged as `[head dimension][position]`, so one vector holds a score of every position. Values follow as
// `[position][head dimension]`, padded to whole vectors.
//
// In 8 bits, groups of four are adjacent, for dot products of bytes: four dimensions of a key, or four positions of one
// dimension of the values. The scales of the 16 positions follow the keys, and those of the values follow the values.

extension KVType {
    var element: ouro_kv_element {
        switch self {
        case .f32: OURO_KV_F32
        case .bf16: OURO_KV_BF16
        case .q8: OURO_KV_Q8
        }
    }
}

extension KVLayout {
    /// Offset of a layer's and head's keys in a block, in bytes.
    func keyOffset(layer: Int, head: Int) -> Int { (layer * headCount + head) * (keyBytes + valueBytes) }

    /// Offset of a layer's and head's values in a block, in bytes.
    func valueOffset(layer: Int, head: Int) -> Int { keyOffset(layer: layer, head: head) + keyBytes }

    /// Offset of a layer's and head's keys and values in a compressed block, in bytes.
    func compressedOffset(layer: Int, head: Int, loops: Int) -> Int {
        (layer * headCount + head) * compressedHeadBytes(loops: loops)
    }
}
