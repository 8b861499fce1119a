/// All blocks of the cache, within a budget.
///
/// A sequence reserves what it can need at most before it starts, so it never runs out midway. Memory is taken from the
/// system on first use and kept for later sequences. Owned by the inference thread.
final class KVPool {
    let layout: KVLayout
    /// Blocks that fit into the budget.
    let capacity: Int
    private(set) var reserved = 0
    private var free: [AlignedMemory] = []

    init(layout: KVLayout, budget: Int) {
        self.layout = layout
        capacity = max(0, budget / layout.bytesPerBlock)
    }

    /// Reserves blocks for a sequence; false if they are not to be had now.
    func reserve(_ blocks: Int) -> Bool {
        guard reserved + blocks <= capacity else { return false }
        reserved += blocks
        return true
    }

    fileprivate func take() -> AlignedMemory { free.popLast() ?? AlignedMemory(byteCount: layout.bytesPerBlock) }

    fileprivate func giveBack(_ blocks: [AlignedMemory], reservation: Int) {
        free.append(contentsOf: blocks)
        reserved -= reservation
    }
}

/// Keys and values of one sequence, at every loop.
///
/// The reference's cache slot `loop * layers + layer` is here block table `loop`, layer `layer`. Blocks are taken as
/// positions are reached and go back to the pool with `release()`.
final class SequenceCache {
    let loops: Int
    private let pool: KVPool
    private let reservation: Int
    private let blocksPerLoop: Int
    private var blocks: [AlignedMemory] = []
    // One row of block pointers per loop; the kernels read it.
    private let table: UnsafeMutablePointer<UnsafeRawPointer?>
    private var filled: [Int]

    /// A cache for at most `positions` positions; nil if the pool has no room now.
    init?(pool: KVPool, positions: Int, loops: Int) {
        let blocks = pool.layout.blocks(positions: positions, loops: loops)
        guard pool.reserve(blocks) else { return nil }
        self.pool = pool
        self.loops = loops
        reservation = blocks
        blocksPerLoop = blocks / loops
        table = .allocate(capacity: blocks)
        table.initialize(repeating: nil, count: blocks)
        filled = Array(repeating: 0, count: loops)
    }

    deinit {
        pool.giveBack(blocks, reservation: reservation)
        table.deallocate()
    }

    /// Makes room for `position` at `loop` (1-based); all earlier positions have it already.
    func prepare(position: Int, loop: Int) {
        let needed = position / KVLayout.positionsPerBlock + 1
        assert(needed <= blocksPerLoop && loop >= 1 && loop <= loops)
        while filled[loop - 1] < needed {
            let block = pool.take()
            table[(loop - 1) * blocksPerLoop + filled[loop - 1]] = UnsafeRawPointer(block.base)
            blocks.append(block)
            filled[loop - 1] += 1
        }
    }

    /// The block pointers of a loop (1-based), in the order of positions.
    func pages(loop: Int) -> UnsafePointer<UnsafeRawPointer?> { UnsafePointer(table + (loop - 1) * blocksPerLoop) }

    /// The block that holds `position` at `loop` (1-based).
    func page(position: Int, loop: Int) -> UnsafeMutableRawPointer {
        let index = (loop - 1) * blocksPerLoop + position / KVLayout.positionsPerBlock
        guard let block = table[index] else { preconditionFailure("position \(position) was not prepared") }
        return UnsafeMutableRawPointer(mutating: block)
    }
}
