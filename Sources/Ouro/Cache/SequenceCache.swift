/// The pages of one sequence, and the table in the device that lists their blocks.
///
/// The sequence takes pages as it reaches positions, or finds them published, and gives all of them back with `release()`.
/// The reference's cache slot `loop * layers + layer` corresponds to table row `loop`, layer `layer`.
///
/// A policy other than ``KVPolicy/full`` collapses pages: `SequenceCache+Collapse.swift`.
package final class SequenceCache {
    package let table: TableID
    let loops: Int
    let policy: KVPolicy
    let pool: KVPool
    private let key: PrefixRoot.Key
    private let mostPages: Int
    var pages: [KVPage] = []
    private var publishedPages = 0
    /// Positions that run and stay with full keys and values before the policy applies.
    let prompt: Int
    /// Positions from the first on that have run all their loops. Only policies other than `full` keep count.
    var completed = 0
    /// Pages, from the first on, that the policy has collapsed.
    var collapsedPages = 0
    /// Pages that are collapsed already, counted back from the last one due.
    var collapsedFromTheEnd = 0

    /// Makes a cache without pages, for at most `maximumPositions` positions.
    ///
    /// - Parameters:
    ///   - prompt: positions after which `policy` applies.
    package init(
        pool: KVPool, maximumPositions: Int, loops: Int, salt: String = "", policy: KVPolicy = .full, prompt: Int = 0
    ) {
        self.pool = pool
        self.loops = loops
        self.policy = policy
        self.prompt = prompt
        key = PrefixRoot.Key(loops: loops, salt: salt)
        mostPages = pool.layout.blocks(positions: maximumPositions, loops: 1)
        table = pool.device.makeTable(pages: mostPages, loops: loops, policy: policy)
    }

    /// A cache with room for `positions` positions; nil if the pool has none now.
    package convenience init?(pool: KVPool, positions: Int, loops: Int) {
        self.init(pool: pool, maximumPositions: positions, loops: loops)
        guard reserve(upTo: positions) == positions else { return nil }
    }

    deinit {
        release()
        pool.device.free(table)
    }

    /// Positions there is room for. While pages wait to be collapsed, there is no room after the completed positions.
    var room: Int { collapsedPages < pagesToCollapse ? completed : pages.count * KVLayout.positionsPerBlock }

    /// Blocks that it takes to get room for `positions` positions.
    func blocksToCome(_ positions: Int) -> Int {
        let more = max(0, pool.layout.blocks(positions: positions, loops: 1) - pages.count)
        return more * blocksPerPage
    }

    private var blocksPerPage: Int { isCollapsed && policy.sharesLoops ? 1 : loops }

    /// Bytes of its pages, including those that other sequences read too.
    var byteCount: Int { pages.reduce(0) { $0 + $1.byteCount } }

    /// Takes pages until there is room for `positions` positions, or the pool has no more. Returns for how many of these
    /// positions there is room now.
    package func reserve(upTo positions: Int) -> Int {
        guard collapse() else { return min(room, positions) }
        while room < positions, pages.count < mostPages, let page = pool.take(loops: blocksPerPage) { append(page) }
        return min(room, positions)
    }

    /// Begins with the longest chain of published pages that spells a prefix of `tokens`. Returns its number of positions;
    /// they have run all loops.
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

    /// Publishes every page whose positions are all among the first `completed`: final, and through all loops.
    func publish(_ tokens: ArraySlice<Int>, completed: Int) {
        guard pool.sharesPrefixes, !isCollapsed else { return }
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
    package func release() {
        while let page = pages.popLast() {
            for loop in 0..<loops { pool.device.set(table, page: pages.count, loop: loop, to: nil) }
            pool.release(page)
        }
        pool.device.set(table, mode: .full)
        (publishedPages, completed, collapsedPages, collapsedFromTheEnd) = (0, 0, 0, 0)
    }

    private func append(_ page: KVPage) {
        set(page, at: pages.count)
        pages.append(page)
    }

    /// Enters a page's blocks into the table. A page with one block has it at every loop.
    func set(_ page: KVPage, at index: Int) {
        for loop in 0..<loops {
            pool.device.set(table, page: index, loop: loop, to: page.blocks[min(loop, page.blocks.count - 1)])
        }
    }

    private static func page(_ index: Int, of tokens: ArraySlice<Int>) -> [Int] {
        let start = tokens.startIndex + index * KVLayout.positionsPerBlock
        return Array(tokens[start..<start + KVLayout.positionsPerBlock])
    }
}
