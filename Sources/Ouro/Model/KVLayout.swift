import OuroKernels

/// The type of stored keys and values.
public enum KVType: String, Sendable, CaseIterable {
    /// 32-bit floats.
    case f32
    /// 16-bit bfloats.
    case bf16
    /// Signed bytes, with one scale for each head and position.
    case q8

    /// The default type for a model: `f32` if its whole context takes at most 1 GiB in that type. Otherwise `bf16`, or
    /// `q8` if the weights are quantised.
    ///
    /// With `f32`, logits agree with the reference implementation to 1e-4; with `bf16`, to about 1e-2. The whole
    /// context of Ouro-1.4B would take 96 GiB in `f32`.
    ///
    /// With quantised weights and a few thousand positions, attention in `f32` would take longer than all matrix
    /// products. Attention in `q8` does not, and its rounding error is smaller than that of the weights.
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

/// The sizes of stored keys and values. The arrangement inside a block is the device's own business.
///
/// A block holds 16 positions of one loop, for all layers and KV heads. A page consists of one block for each loop.
package struct KVLayout: Sendable, Equatable {
    /// Number of layers.
    package let layerCount: Int
    /// Number of KV heads.
    package let headCount: Int
    /// Values of a head.
    package let headDimension: Int
    /// The type of stored keys and values.
    package let type: KVType

    /// Number of positions in a block: 16.
    package static let positionsPerBlock = Int(OURO_BLOCK)

    package init(_ configuration: ModelConfiguration, type: KVType) {
        layerCount = configuration.layerCount
        headCount = configuration.keyValueHeadCount
        headDimension = configuration.headDimension
        self.type = type
    }

    /// Values of one position and head, padded to whole vectors.
    var valueStride: Int { (headDimension + 15) / 16 * 16 }
    /// Dimensions of a stored key. The kernels read bytes four dimensions at a time.
    private var keyDimension: Int { type == .q8 ? (headDimension + 3) / 4 * 4 : headDimension }
    private var scaleBytes: Int { type == .q8 ? Self.positionsPerBlock * MemoryLayout<Float>.stride : 0 }
    /// Bytes of one head's keys in a block, rounded up to whole cache lines.
    var keyBytes: Int {
        (Self.positionsPerBlock * keyDimension * type.bytesPerValue + scaleBytes + 63) / 64 * 64
    }
    /// Bytes of one head's values in a block.
    var valueBytes: Int { Self.positionsPerBlock * valueStride * type.bytesPerValue + scaleBytes }
    /// Bytes of a block.
    package var bytesPerBlock: Int { layerCount * headCount * (keyBytes + valueBytes) }

    /// The number of blocks for `positions` positions at `loops` loops.
    package func blocks(positions: Int, loops: Int) -> Int {
        (positions + Self.positionsPerBlock - 1) / Self.positionsPerBlock * loops
    }

    // MARK: compressed pages

    /// Bytes of one head's keys and values in a compressed page.
    func compressedHeadBytes(loops: Int) -> Int { ouro_compressed_bytes(loops, headDimension) }

    /// Bytes of a compressed page.
    func compressedBytes(loops: Int) -> Int { layerCount * headCount * compressedHeadBytes(loops: loops) }

    /// The memory of `pages` compressed pages, in blocks, rounded up.
    func compressedBlocks(pages: Int, loops: Int) -> Int {
        (pages * compressedBytes(loops: loops) + bytesPerBlock - 1) / bytesPerBlock
    }
}

extension ModelConfiguration {
    /// Bytes of the keys and values of `positions` positions at all loops. Blocks of 16 positions are counted whole.
    public func keyValueBytes(positions: Int, type: KVType) -> Int {
        let layout = KVLayout(self, type: type)
        return layout.blocks(positions: positions, loops: plan.slotCount) * layout.bytesPerBlock
    }
}
