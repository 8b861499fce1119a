/// Keys and values, block tables and hidden states of the CPU device, in the memory of the process.
///
/// This type turns the numbers of the engine into addresses. The inference thread owns it. Inside a parallel region,
/// worker threads write disjoint parts.
final class CPUMemory {
    let layout: KVLayout
    private let hiddenSize: Int
    private var blocks: [AlignedMemory?] = []
    private var freeBlocks: [BlockID] = []
    private var tables: [Table?] = []
    private var freeTables: [TableID] = []
    private var stateAreas: [FloatRows] = []

    /// The number of hidden states in one allocation.
    private static let statesPerArea = 64

    /// The block addresses of a sequence, one row for each loop. The attention kernel reads these rows directly.
    private struct Table {
        let pages: Int
        let loops: Int
        let entries: UnsafeMutablePointer<UnsafeRawPointer?>
        var mode = TableMode.full
        /// Keys and values summed over the loops of the last row, for ``KVPolicy/averaged``. There is one row for each
        /// layer, keys first.
        let sums: FloatRows?
    }

    init(layout: KVLayout, hiddenSize: Int) {
        self.layout = layout
        self.hiddenSize = hiddenSize
    }

    deinit { for table in tables { table?.entries.deallocate() } }

    // MARK: blocks

    func makeBlock(_ kind: BlockKind) -> BlockID {
        let memory =
            switch kind {
            case .full: AlignedMemory(byteCount: layout.bytesPerBlock)
            case .compressed(let loops): AlignedMemory(byteCount: layout.compressedBytes(loops: loops))
            }
        if let id = freeBlocks.popLast() {
            blocks[Int(id.index)] = memory
            return id
        }
        blocks.append(memory)
        return BlockID(blocks.count - 1)
    }

    func free(_ block: BlockID) {
        blocks[Int(block.index)] = nil
        freeBlocks.append(block)
    }

    /// The address of a block.
    func block(_ id: BlockID) -> UnsafeMutableRawPointer {
        guard let memory = blocks[Int(id.index)] else { preconditionFailure("block \(id.index) was freed") }
        return memory.base
    }

    // MARK: tables

    func makeTable(pages: Int, loops: Int, policy: KVPolicy) -> TableID {
        let entries = UnsafeMutablePointer<UnsafeRawPointer?>.allocate(capacity: max(1, pages * loops))
        entries.initialize(repeating: nil, count: max(1, pages * loops))
        let sums =
            policy == .averaged
            ? FloatRows(rows: layout.layerCount, columns: 2 * layout.headCount * layout.headDimension) : nil
        let table = Table(pages: pages, loops: loops, entries: entries, sums: sums)
        if let id = freeTables.popLast() {
            tables[Int(id.index)] = table
            return id
        }
        tables.append(table)
        return TableID(tables.count - 1)
    }

    func free(_ id: TableID) {
        table(id).entries.deallocate()
        tables[Int(id.index)] = nil
        freeTables.append(id)
    }

    func set(_ id: TableID, page: Int, loop: Int, to block: BlockID?) {
        let table = table(id)
        table.entries[loop * table.pages + page] = block.map { UnsafeRawPointer(self.block($0)) }
    }

    func set(_ id: TableID, mode: TableMode) { tables[Int(id.index)]?.mode = mode }

    /// The sums of a table's last row, and the block that holds `position` after the collapse.
    func mean(of id: TableID, position: Int) -> (sums: FloatRows, block: UnsafeMutableRawPointer)? {
        let table = table(id)
        guard let sums = table.sums, let entry = table.entries[position / KVLayout.positionsPerBlock] else {
            return nil
        }
        return (sums, UnsafeMutableRawPointer(mutating: entry))
    }

    private func table(_ id: TableID) -> Table {
        guard let table = tables[Int(id.index)] else { preconditionFailure("table \(id.index) was freed") }
        return table
    }

    // MARK: hidden states

    func reserveSlots(_ count: Int) {
        while stateAreas.count * Self.statesPerArea < count {
            stateAreas.append(FloatRows(rows: Self.statesPerArea, columns: hiddenSize))
        }
    }

    /// The hidden state of a slot.
    func state(_ slot: SlotID) -> UnsafeMutablePointer<Float> {
        let (area, row) = Int(slot.index).quotientAndRemainder(dividingBy: Self.statesPerArea)
        return stateAreas[area].row(row)
    }

    // MARK: rows

    /// Looks up the addresses that a row reads and writes.
    func resolve(_ row: Row) -> CPURow {
        let table = table(row.table)
        let (position, loop) = (Int(row.position), Int(row.loop))
        let entries = table.entries + (loop - 1) * table.pages
        guard let block = entries[position / KVLayout.positionsPerBlock] else {
            preconditionFailure("position \(position) has no block at loop \(loop)")
        }
        var (sums, compressedPages): (FloatRows.View?, Int) = (nil, 0)
        switch table.mode {
        case .full: break
        case .averaging: sums = table.sums?.view
        case .compressed(let pages): compressedPages = pages
        }
        return CPURow(
            table: row.table, position: position, loop: loop, token: Int(row.token), state: state(row.slot),
            blocks: UnsafePointer(entries), block: UnsafeMutableRawPointer(mutating: block), sums: sums,
            loops: table.loops, compressedPages: compressedPages)
    }
}

/// A row with addresses instead of numbers. Valid for one pass.
struct CPURow: BitwiseCopyable {
    let table: TableID
    let position: Int
    /// 1-based.
    let loop: Int
    let token: Int
    let state: UnsafeMutablePointer<Float>
    /// The blocks of the row's loop, in the order of positions.
    let blocks: UnsafePointer<UnsafeRawPointer?>
    /// The block that the row writes to.
    let block: UnsafeMutableRawPointer
    /// Receives the sums of keys and values, one row for each layer. Nil unless the policy averages.
    let sums: FloatRows.View?
    /// Number of loops of the sequence.
    let loops: Int
    /// Number of compressed pages at the start of the sequence.
    let compressedPages: Int

    /// Whether `next` is the next position of the same sequence at the same loop.
    func isFollowed(by next: CPURow) -> Bool {
        table == next.table && loop == next.loop && position + 1 == next.position
    }
}
