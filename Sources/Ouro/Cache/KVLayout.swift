import OuroKernels

/// How keys and values are stored between passes.
public enum KVType: String, Sendable, CaseIterable {
    case f32
    case bf16
    /// Signed bytes, with a scale for every head and position.
    case q8

    var element: ouro_kv_element {
        switch self {
        case .f32: OURO_KV_F32
        case .bf16: OURO_KV_BF16
        case .q8: OURO_KV_Q8
        }
    }

    /// bf16, and with quantised weights 8 bits; but f32 where that costs little: if the whole context takes at most 1 GiB.
    ///
    /// With f32 logits agree with the reference to 1e-4, with bf16 to about 1e-2. A model of Ouro-1.4B's size takes 96 GiB
    /// in f32 for its whole context, 48 GiB in bf16. With quantised weights, attention in f32 would take longer than all
    /// products from a few thousand positions on; in 8 bits it keeps up, and costs less than the weights' own rounding.
    public static func `default`(for configuration: ModelConfiguration) -> KVType {
        let layout = KVLayout(configuration, type: .f32)
        let blocks = layout.blocks(positions: configuration.contextLength, loops: configuration.totalUTSteps)
        let (bytes, overflow) = blocks.multipliedReportingOverflow(by: layout.bytesPerBlock)
        if !overflow && bytes <= 1 << 30 { return .f32 }
        return configuration.quantisation == nil ? .bf16 : .q8
    }

    fileprivate var bytesPerValue: Int {
        switch self {
        case .f32: 4
        case .bf16: 2
        case .q8: 1
        }
    }
}

/// How keys and values lie in a block of the cache.
///
/// A block holds 16 positions of one loop, for all layers and KV heads: keys as `[head dimension][position]`, so that one
/// vector holds a score of every position, then values as `[position][head dimension]`, padded to whole vectors. Of 8 bits
/// four dimensions of a key, and four positions of a value's dimension, lie together for dot products of bytes, and each
/// is followed by the scales of its 16 positions.
struct KVLayout: Sendable, Equatable {
    let layerCount: Int
    let headCount: Int
    let headDimension: Int
    let type: KVType

    static let positionsPerBlock = Int(OURO_BLOCK)

    init(_ configuration: ModelConfiguration, type: KVType) {
        layerCount = configuration.layerCount
        headCount = configuration.keyValueHeadCount
        headDimension = configuration.headDimension
        self.type = type
    }

    var valueStride: Int { (headDimension + 15) / 16 * 16 }
    /// Bytes are read four dimensions at a time.
    private var keyDimension: Int { type == .q8 ? (headDimension + 3) / 4 * 4 : headDimension }
    private var scaleBytes: Int { type == .q8 ? Self.positionsPerBlock * MemoryLayout<Float>.stride : 0 }
    // Whole cache lines.
    private var keyBytes: Int {
        (Self.positionsPerBlock * keyDimension * type.bytesPerValue + scaleBytes + 63) / 64 * 64
    }
    private var valueBytes: Int { Self.positionsPerBlock * valueStride * type.bytesPerValue + scaleBytes }
    var bytesPerBlock: Int { layerCount * headCount * (keyBytes + valueBytes) }

    /// Offset of a layer's and head's keys in a block, in bytes.
    func keyOffset(layer: Int, head: Int) -> Int { (layer * headCount + head) * (keyBytes + valueBytes) }
    /// Offset of a layer's and head's values in a block, in bytes.
    func valueOffset(layer: Int, head: Int) -> Int { keyOffset(layer: layer, head: head) + keyBytes }

    // MARK: compressed pages

    /// Bytes of one head's keys and values of a page at `loops` loops, compressed.
    private func compressedHeadBytes(loops: Int) -> Int { ouro_compressed_bytes(loops, headDimension) }

    /// Bytes of a compressed page.
    func compressedBytes(loops: Int) -> Int { layerCount * headCount * compressedHeadBytes(loops: loops) }

    /// Offset of a layer's and head's keys and values in a compressed page, in bytes.
    func compressedOffset(layer: Int, head: Int, loops: Int) -> Int {
        (layer * headCount + head) * compressedHeadBytes(loops: loops)
    }

    /// Blocks whose memory `pages` compressed pages take.
    func compressedBlocks(pages: Int, loops: Int) -> Int {
        (pages * compressedBytes(loops: loops) + bytesPerBlock - 1) / bytesPerBlock
    }

    /// Blocks that hold `positions` positions at `loops` loops.
    func blocks(positions: Int, loops: Int) -> Int {
        (positions + Self.positionsPerBlock - 1) / Self.positionsPerBlock * loops
    }
}

extension ModelConfiguration {
    /// Bytes that keys and values of `positions` positions take at all loops, in whole blocks of 16 positions.
    public func keyValueBytes(positions: Int, type: KVType) -> Int {
        let layout = KVLayout(self, type: type)
        return layout.blocks(positions: positions, loops: totalUTSteps) * layout.bytesPerBlock
    }
}
