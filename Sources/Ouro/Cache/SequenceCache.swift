/// The pages of one sequence, and the table in the device that lists their blocks.
///
/// The sequence takes pages as it reaches positions, or finds published ones. `release()` gives all of them back.
/// `SequenceCache+Collapse.swift` collapses pages for policies other than ``KVPolicy/full``.
///
/// The reference implementation's cache slot `loop * layers + layer` corresponds to row `loop` of the table and layer
/// `layer`.
package final class SequenceCache {
    package let table: TableID
    let loops: Int
    let policy: KVPolicy
    let pool: KVPool
    private let key: PrefixRoot.Key
    private let mostPages: Int
    var pages: [KVPage] = []
    private var publishedPages = 0
    /// Positions that run with full keys and values before the policy applies.
    let prompt: Int
    /// Positions, from the first on, that have run all their loops. Only policies other than `full` count them.
    var completed = 0
    /// Pages, from the first on, that are collapsed.
    var collapsedPages = 0
    /// Pages that are collapsed already, counted back from the last one that is due.
    var collapsedFromTheEnd = 0

    /// Makes a cache without pages.
    ///
    /// - Parameters:
    ///   - pool: the pool that the pages come from.
    ///   - maximumPositions: most positions of the sequence.
    ///   - loops: the number of loops.
    ///   - salt: only sequences with equal salts share pages.
    ///   - policy: the cache policy after the prompt.
    ///   - prompt: the number of positions before the policy applies.
    package init(
        pool: KVPool, maximumPositions: Int, loops: Int, salt: String = "", policy: KVPolicy = .full, prompt: Int = 0
    ) {
        self.pool = pool
        self.loops = loops
        self.policy = policy
        self.prompt = prompt
        key = PrefixRoot.Key(loops: loops, salt: ExactString(salt))
        mostPages = pool.layout.blocks(positions: maximumPositions, loops: 1)
        table = pool.device.makeTable(pages: mostPages, loops: loops, policy: policy)
    }

    /// Makes a cache with room for `positions` positions. Nil if the pool has no room now.
    package convenience init?(pool: KVPool, positions: Int, loops: Int) {
        self.init(pool: pool, maximumPositions: positions, loops: loops)
        guard reserve(upTo: positions) == positions else { return nil }
    }

    deinit {
        release()
        pool.device.free(table)
    }

    /// Positions with room. While pages still have to be collapsed, there is no room beyond the completed positions.
    var room: Int { collapsedPages < pagesToCollapse ? completed : pages.count * KVLayout.positionsPerBlock }

    /// The number of blocks that room for `positions` positions would still take.
    func blocksToCome(_ positions: Int) -> Int {
        let more = max(0, pool.layout.blocks(positions: positions, loops: 1) - pages.count)
        return more * blocksPerPage
    }

    private var blocksPerPage: Int { isCollapsed && policy.sharesLoops ? 1 : loops }

    /// Bytes of all pages, including those that other sequences share.
    var byteCount: Int { pages.reduce(0) { $0 + $1.byteCount } }

    /// Takes pages until there is room for `positions` positions, or until the pool has no more. Returns how many of
    /// these positions have room.
    package func reserve(upTo positions: Int) -> Int {
        guard collapse() else { return min(room, positions) }
        while room < positions, pages.count < mostPages, let page = pool.take(loops: blocksPerPage) { append(page) }
        return min(room, positions)
    }

    /// Takes the longest chain of published pages that matches a prefix of `tokens`. Returns the number of its
    /// positions, which have run all loops.
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

    /// Publishes every full page among the first `completed` positions. Their tokens are final, and they have run all
    /// loops.
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

    /// Gives all pages back to the pool.
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

    /// Writes the blocks of a page into the table. If a page has one block, all loops use it.
    func set(_ page: KVPage, at index: Int) {
        for loop in 0..<loops {
            pool.device.set(table, page: index, loop: loop, to: page.blocks[min(loop, page.blocks.count - 1)])
        }
    }

    /// The tokens of a page.
    private static func page(_ index: Int, of tokens: ArraySlice<Int>) -> [Int] {
        let start = tokens.startIndex + index * KVLayout.positionsPerBlock
        return Array(tokens[start..<start + KVLayout.positionsPerBlock])
    }
}
