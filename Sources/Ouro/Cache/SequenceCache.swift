/// Keys and values of one sequence, at every loop: a table of pages.
///
/// The reference's cache slot `loop * layers + layer` is here block table `loop`, layer `layer`. Pages are taken as
/// positions are reached, or found published, and go back to the pool with `release()`.
final class SequenceCache {
    let loops: Int
    private let pool: KVPool
    private let key: PrefixRoot.Key
    private let mostPages: Int
    private var pages: [KVPage] = []
    private var publishedPages = 0
    // One row of block pointers per loop; the kernels read it.
    private let table: UnsafeMutablePointer<UnsafeRawPointer?>

    /// A cache without pages yet, for at most `maximumPositions` positions.
    init(pool: KVPool, maximumPositions: Int, loops: Int, salt: String = "") {
        self.pool = pool
        self.loops = loops
        key = PrefixRoot.Key(loops: loops, salt: salt)
        mostPages = pool.layout.blocks(positions: maximumPositions, loops: 1)
        table = .allocate(capacity: mostPages * loops)
        table.initialize(repeating: nil, count: mostPages * loops)
    }

    /// A cache with room for `positions` positions; nil if the pool has none now.
    convenience init?(pool: KVPool, positions: Int, loops: Int) {
        self.init(pool: pool, maximumPositions: positions, loops: loops)
        guard reserve(upTo: positions) == positions else { return nil }
    }

    deinit {
        release()
        table.deallocate()
    }

    /// Positions there is room for.
    var room: Int { pages.count * KVLayout.positionsPerBlock }
    var blocksHeld: Int { pages.count * loops }

    // MARK: for the model

    /// Makes room for `position` at `loop` (1-based); whoever forms a pass has seen to it that there is some.
    func prepare(position: Int, loop: Int) {
        assert(loop >= 1 && loop <= loops)
        guard position < room || reserve(upTo: position + 1) > position else {
            preconditionFailure("the pool has no page for position \(position)")
        }
    }

    /// The block pointers of a loop (1-based), in the order of positions.
    func pages(loop: Int) -> UnsafePointer<UnsafeRawPointer?> { UnsafePointer(table + (loop - 1) * mostPages) }

    /// The block that holds `position` at `loop` (1-based).
    func page(position: Int, loop: Int) -> UnsafeMutableRawPointer {
        let index = (loop - 1) * mostPages + position / KVLayout.positionsPerBlock
        guard let block = table[index] else { preconditionFailure("position \(position) was not prepared") }
        return UnsafeMutableRawPointer(mutating: block)
    }

    // MARK: for the schedule

    /// Takes pages until there is room for `positions` positions, or the pool has no more. Returns for how many of them
    /// there is room now.
    func reserve(upTo positions: Int) -> Int {
        while room < positions, pages.count < mostPages, let page = pool.take(loops: loops) { append(page) }
        return min(room, positions)
    }

    /// Begins with the longest chain of published pages that `tokens` spells. Returns their number of positions: those are
    /// through all loops, everything after them is to be computed.
    func takePrefix(of tokens: ArraySlice<Int>) -> Int {
        assert(pages.isEmpty)
        while pages.count < mostPages, room + KVLayout.positionsPerBlock <= tokens.count,
            let page = pool.find(Self.page(pages.count, of: tokens), after: pages.last, key: key)
        {
            append(page)
        }
        publishedPages = pages.count
        return room
    }

    /// Publishes the pages whose positions are all among the first `completed`: final, and through all loops.
    func publish(_ tokens: ArraySlice<Int>, completed: Int) {
        guard pool.sharesPrefixes else { return }
        while (publishedPages + 1) * KVLayout.positionsPerBlock <= completed, publishedPages < pages.count {
            let index = publishedPages
            let page = pool.publish(
                pages[index], tokens: Self.page(index, of: tokens), after: index == 0 ? nil : pages[index - 1],
                key: key)
            set(page, at: index)
            pages[index] = page
            publishedPages += 1
        }
    }

    /// Gives all pages back.
    func release() {
        while let page = pages.popLast() {
            for loop in 0..<loops { table[loop * mostPages + pages.count] = nil }
            pool.release(page)
        }
        publishedPages = 0
    }

    private func append(_ page: KVPage) {
        set(page, at: pages.count)
        pages.append(page)
    }

    private func set(_ page: KVPage, at index: Int) {
        for (loop, block) in page.blocks.enumerated() { table[loop * mostPages + index] = UnsafeRawPointer(block.base) }
    }

    private static func page(_ index: Int, of tokens: ArraySlice<Int>) -> [Int] {
        let start = tokens.startIndex + index * KVLayout.positionsPerBlock
        return Array(tokens[start..<start + KVLayout.positionsPerBlock])
    }
}
