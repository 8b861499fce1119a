import OuroKernels

/// How keys and values are stored between passes.
public enum KVType: String, Sendable, CaseIterable {
    case f32
    case bf16
    /// Signed bytes, with a scale for every head and position.
    case q8

    /// bf16, and with quantised weights 8 bits; but f32 where that costs little: if the whole context takes at most 1 GiB.
    ///
    /// With f32 logits agree with the reference to 1e-4, with bf16 to about 1e-2. A model of Ouro-1.4B's size takes 96 GiB
    /// in f32 for its whole context, 48 GiB in bf16. With quantised weights, attention in f32 would take longer than all
    /// products from a few thousand positions on; in 8 bits it keeps up, and costs less than the weights' own rounding.
    public static func `default`(for configuration: ModelConfiguration) -> KVType {
        let layout = KVLayout(configuration, type: .f32)
        let blocks = layout.blocks(positions: configuration.contextLength, loops: configuration.plan.slotCount)
        let (bytes, overflow) = blocks.multipliedReportingOverflow(by: layout.bytesPerBlock)
        if !overflow && bytes <= 1 << 30 { return .f32 }
        return configuration.quantisation == nil ? .bf16 : .q8
    }

    var bytesPerValue: Int {
        switch self {
        case .f32: 4
        case .bf16: 2
        case .q8: 1
        }
    }
}

/// How much memory keys and values take. How they lie inside a block is the device's own business.
///
/// A block holds 16 positions of one loop, for all layers and KV heads. A page is one block for each loop.
package struct KVLayout: Sendable, Equatable {
    package let layerCount: Int
    package let headCount: Int
    package let headDimension: Int
    package let type: KVType

    package static let positionsPerBlock = Int(OURO_BLOCK)

    package init(_ configuration: ModelConfiguration, type: KVType) {
        layerCount = configuration.layerCount
        headCount = configuration.keyValueHeadCount
        headDimension = configuration.headDimension
        self.type = type
    }

    /// Values of one position and head, padded to whole vectors.
    var valueStride: Int { (headDimension + 15) / 16 * 16 }
    /// Kernels read bytes four dimensions at a time.
    private var keyDimension: Int { type == .q8 ? (headDimension + 3) / 4 * 4 : headDimension }
    private var scaleBytes: Int { type == .q8 ? Self.positionsPerBlock * MemoryLayout<Float>.stride : 0 }
    /// Bytes of one head's keys in a block: whole cache lines.
    var keyBytes: Int {
        (Self.positionsPerBlock * keyDimension * type.bytesPerValue + scaleBytes + 63) / 64 * 64
    }
    /// Bytes of one head's values in a block.
    var valueBytes: Int { Self.positionsPerBlock * valueStride * type.bytesPerValue + scaleBytes }
    package var bytesPerBlock: Int { layerCount * headCount * (keyBytes + valueBytes) }

    /// Blocks that hold `positions` positions at `loops` loops.
    package func blocks(positions: Int, loops: Int) -> Int {
        (positions + Self.positionsPerBlock - 1) / Self.positionsPerBlock * loops
    }

    // MARK: compressed pages

    /// Bytes of one head's keys and values of a page at `loops` loops, compressed.
    func compressedHeadBytes(loops: Int) -> Int { ouro_compressed_bytes(loops, headDimension) }

    /// Bytes of a compressed page.
    func compressedBytes(loops: Int) -> Int { layerCount * headCount * compressedHeadBytes(loops: loops) }

    /// Blocks whose memory `pages` compressed pages take.
    func compressedBlocks(pages: Int, loops: Int) -> Int {
        (pages * compressedBytes(loops: loops) + bytesPerBlock - 1) / bytesPerBlock
    }
}

extension ModelConfiguration {
    /// Bytes that keys and values of `positions` positions take at all loops, in whole blocks of 16 positions.
    public func keyValueBytes(positions: Int, type: KVType) -> Int {
        let layout = KVLayout(self, type: type)
        return layout.blocks(positions: positions, loops: plan.slotCount) * layout.bytesPerBlock
    }
}
