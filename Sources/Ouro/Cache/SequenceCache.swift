/// Keys and values of one sequence, at every loop: a table of pages.
///
/// The reference's cache slot `loop * layers + layer` is here row `loop` of the table, layer `layer` of the block. Pages are
/// taken as positions are reached and go back to the pool with the last reference to this object.
final class SequenceCache {
    let loops: Int
    private let pool: KVPool
    private let salt: String
    private let pageLimit: Int
    private var pages: [KVPage] = []
    /// How many pages, from the first on, are shared or published.
    private var publishedCount = 0
    // One row of block pointers per loop; the kernels read it.
    private let table: UnsafeMutablePointer<UnsafeRawPointer?>

    /// A cache without pages, for at most `positions` positions.
    ///
    /// - Parameters:
    ///   - salt: only caches with the same one share pages.
    init(pool: KVPool, positions: Int, loops: Int, salt: String = "") {
        self.pool = pool
        self.loops = loops
        self.salt = salt
        pageLimit = Self.pageCount(positions)
        table = .allocate(capacity: max(pageLimit * loops, 1))
        table.initialize(repeating: nil, count: max(pageLimit * loops, 1))
    }

    deinit {
        for page in pages.reversed() { pool.release(page) }
        table.deallocate()
    }

    static func pageCount(_ positions: Int) -> Int {
        (positions + KVLayout.positionsPerBlock - 1) / KVLayout.positionsPerBlock
    }

    /// Positions there are pages for.
    var positionLimit: Int { pages.count * KVLayout.positionsPerBlock }

    /// Takes the pages of all positions before `count`; false if there is no room for all of them, those that could be had
    /// being kept.
    func prepare(_ count: Int) -> Bool {
        assert(count <= pageLimit * KVLayout.positionsPerBlock)
        while positionLimit < count {
            guard let page = pool.take(loops: loops) else { return false }
            append(page)
        }
        return true
    }

    private func append(_ page: KVPage) {
        pages.append(page)
        enter(page, at: pages.count - 1)
    }

    private func enter(_ page: KVPage, at index: Int) {
        for (loop, block) in page.blocks.enumerated() {
            table[loop * pageLimit + index] = UnsafeRawPointer(block.base)
        }
    }

    // MARK: sharing

    private func key(_ index: Int, _ tokens: [Int]) -> KVPage.Key {
        let size = KVLayout.positionsPerBlock
        return KVPage.Key(
            parent: index == 0 ? 0 : pages[index - 1].id,
            tokens: tokens[index * size..<(index + 1) * size].map { Int32(truncatingIfNeeded: $0) }, loops: loops,
            salt: salt)
    }

    /// Begins with the published pages of the first `limit` tokens; returns how many positions these hold.
    func adopt(_ tokens: [Int], limit: Int) -> Int {
        assert(pages.isEmpty)
        while (pages.count + 1) * KVLayout.positionsPerBlock <= limit, let page = pool.find(key(pages.count, tokens)) {
            pool.retain(page)
            append(page)
        }
        publishedCount = pages.count
        return positionLimit
    }

    /// Lets other sequences read the whole pages of the first `count` positions, which have run all loops on these tokens.
    func publish(_ tokens: [Int], count: Int) {
        while (publishedCount + 1) * KVLayout.positionsPerBlock <= count {
            let index = publishedCount
            if let other = pool.publish(pages[index], as: key(index, tokens)) {
                pool.retain(other)
                pool.release(pages[index])
                pages[index] = other
                enter(other, at: index)
            }
            publishedCount += 1
        }
    }

    // MARK: what the model reads

    /// The block pointers of a loop (1-based), in the order of positions.
    func pages(loop: Int) -> UnsafePointer<UnsafeRawPointer?> { UnsafePointer(table + (loop - 1) * pageLimit) }

    /// The block that holds `position` at `loop` (1-based).
    func page(position: Int, loop: Int) -> UnsafeMutableRawPointer {
        let index = position / KVLayout.positionsPerBlock
        assert(index >= publishedCount, "position \(position) is in a published page")
        guard index < pages.count, let block = table[(loop - 1) * pageLimit + index] else {
            preconditionFailure("there is no page for position \(position)")
        }
        return UnsafeMutableRawPointer(mutating: block)
    }

    /// Which page holds a position.
    func pageID(position: Int) -> Int { pages[position / KVLayout.positionsPerBlock].id }
}
