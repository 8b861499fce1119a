import OuroKernels

/// Collapses the keys and values of all loops of a page to what a ``KVPolicy`` keeps.
///
/// It runs only once for each page, so it uses the portable kernels. They give the same bits on every machine.
struct KVCollapse {
    let layout: KVLayout
    private let kernels = Kernels.portable

    init(layout: KVLayout) { self.layout = layout }

    /// Collapses a page.
    ///
    /// - Parameters:
    ///   - blocks: the blocks of the page, one for each loop.
    ///   - positions: the number of positions with keys and values. A page to be compressed is full.
    ///   - target: the block that receives the result.
    ///   - policy: the cache policy.
    func collapse(
        _ blocks: [UnsafeMutableRawPointer], positions: Int, to target: UnsafeMutableRawPointer, _ policy: KVPolicy
    ) {
        switch policy {
        case .full: break
        case .lastLoop:
            guard let last = blocks.last else { return }
            target.copyMemory(from: last, byteCount: layout.bytesPerBlock)
        case .averaged: average(blocks, positions: positions, to: target)
        case .compressed: compress(blocks, to: target)
        }
    }

    /// Averages the stored keys and values over the loops, and stores the mean.
    private func average(_ blocks: [UnsafeMutableRawPointer], positions: Int, to target: UnsafeMutableRawPointer) {
        let depth = layout.headDimension
        let sums = FloatRows(rows: layout.layerCount, columns: 2 * layout.headCount * depth)
        let one = FloatRows(rows: 2, columns: depth)
        for position in 0..<positions {
            for (loop, block) in blocks.enumerated() {
                for layer in 0..<layout.layerCount {
                    for head in 0..<layout.headCount {
                        kernels.cache.read(
                            layout.type.element, block + layout.keyOffset(layer: layer, head: head),
                            block + layout.valueOffset(layer: layer, head: head), depth, layout.valueStride,
                            position, one.row(0), one.row(1))
                        let keys = sums.row(layer) + head * depth
                        Self.add(one.row(0), count: depth, to: keys, first: loop == 0)
                        Self.add(one.row(1), count: depth, to: keys + layout.headCount * depth, first: loop == 0)
                    }
                }
            }
            store(sums, scale: 1 / Float(blocks.count), position: position, to: target)
        }
    }

    /// Adds values to sums. The first values replace the sums.
    static func add(
        _ values: UnsafePointer<Float>, count: Int, to sums: UnsafeMutablePointer<Float>, first: Bool
    ) {
        for index in 0..<count { sums[index] = first ? values[index] : sums[index] + values[index] }
    }

    /// Stores the keys and values of one position.
    ///
    /// - Parameters:
    ///   - sums: one row for each layer, keys first. They are multiplied by `scale` in place.
    ///   - scale: the factor.
    ///   - position: the position.
    ///   - block: the block that contains the position.
    func store(_ sums: FloatRows, scale: Float, position: Int, to block: UnsafeMutableRawPointer) {
        let depth = layout.headDimension
        for layer in 0..<layout.layerCount {
            let row = sums.row(layer)
            for index in 0..<sums.columns { row[index] *= scale }
            for head in 0..<layout.headCount {
                kernels.cache.store(
                    layout.type.element, row + head * depth, row + (layout.headCount + head) * depth, depth,
                    layout.valueStride, position % KVLayout.positionsPerBlock,
                    block + layout.keyOffset(layer: layer, head: head),
                    block + layout.valueOffset(layer: layer, head: head))
            }
        }
    }

    /// Compresses a full page, head by head.
    private func compress(_ blocks: [UnsafeMutableRawPointer], to target: UnsafeMutableRawPointer) {
        let (depth, size, loops) = (layout.headDimension, KVLayout.positionsPerBlock, blocks.count)
        let keys = FloatRows(rows: loops * size, columns: depth)
        let values = FloatRows(rows: loops * size, columns: depth)
        let decoded = FloatRows(rows: 2 * size, columns: depth)
        for layer in 0..<layout.layerCount {
            for head in 0..<layout.headCount {
                for (loop, block) in blocks.enumerated() {
                    for position in 0..<size {
                        kernels.cache.read(
                            layout.type.element, block + layout.keyOffset(layer: layer, head: head),
                            block + layout.valueOffset(layer: layer, head: head), depth, layout.valueStride,
                            position, keys.row(loop * size + position), values.row(loop * size + position))
                    }
                }
                kernels.cache.compress(
                    keys.row(0), values.row(0), keys.stride, loops, depth, decoded.row(0),
                    target + layout.compressedOffset(layer: layer, head: head, loops: loops))
            }
        }
    }
}
