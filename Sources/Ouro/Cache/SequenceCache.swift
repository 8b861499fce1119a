/// Keys and values of one sequence, at every loop: a table of pages.
///
/// The reference's cache slot `loop * layers + layer` is here block table `loop`, layer `layer`. Pages are taken as
/// positions are reached, or found published, and go back to the pool with `release()`.
final class SequenceCache {
    let loops: Int
    let policy: KVPolicy
    private let pool: KVPool
    private let key: PrefixRoot.Key
    private let mostPages: Int
    private var pages: [KVPage] = []
    private var publishedPages = 0
    /// Positions that run and stay with full keys and values before the policy applies.
    private let prompt: Int
    /// Positions from the first on that are through. Only kept if there is a policy to apply.
    private var completed = 0
    /// How many pages, from the first on, hold what the policy keeps.
    private(set) var collapsedPages = 0
    /// How many more are collapsed, up to the last one due.
    private var collapsedFromTheEnd = 0
    /// Sums of the row under way over the loops it has run: a row for every layer, keys then values.
    let sums: FloatRows?
    // One row of block pointers per loop; the kernels read it.
    private let table: UnsafeMutablePointer<UnsafeRawPointer?>

    /// A cache without pages yet, for at most `maximumPositions` positions.
    ///
    /// - Parameters:
    ///   - prompt: positions after which `policy` applies.
    init(
        pool: KVPool, maximumPositions: Int, loops: Int, salt: String = "", policy: KVPolicy = .full, prompt: Int = 0
    ) {
        self.pool = pool
        self.loops = loops
        self.policy = policy
        self.prompt = prompt
        let layout = pool.layout
        sums =
            policy == .averaged
            ? FloatRows(rows: layout.layerCount, columns: 2 * layout.headCount * layout.headDimension) : nil
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

    /// Positions there is room for. None after those that are through, as long as pages are to be collapsed.
    var room: Int { collapsedPages < pagesToCollapse ? completed : pages.count * KVLayout.positionsPerBlock }

    /// Blocks that it will take to have room for `positions` positions.
    func blocksToCome(_ positions: Int) -> Int {
        let more = max(0, pool.layout.blocks(positions: positions, loops: 1) - pages.count)
        return more * blocksPerPage
    }

    private var blocksPerPage: Int { isCollapsed && policy.sharesLoops ? 1 : loops }

    /// Bytes of its pages, those that others read too included.
    var byteCount: Int { pages.reduce(0) { $0 + $1.byteCount } }

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
        guard collapse() else { return min(room, positions) }
        while room < positions, pages.count < mostPages, let page = pool.take(loops: blocksPerPage) { append(page) }
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
    func release() {
        while let page = pages.popLast() {
            for loop in 0..<loops { table[loop * mostPages + pages.count] = nil }
            pool.release(page)
        }
        (publishedPages, completed, collapsedPages, collapsedFromTheEnd) = (0, 0, 0, 0)
    }

    // MARK: collapsing

    /// Whether the prompt is through, so that rows read and write what the policy keeps.
    var isCollapsed: Bool { policy != .full && completed > 0 && completed >= prompt }

    /// Tells that the first `count` positions are through; after the prompt one by one, the last of them after `ran` loops.
    /// What is to be collapsed now is when room is next asked for.
    func complete(_ count: Int, loops ran: Int) {
        guard policy != .full, count > completed else { return }
        if isCollapsed, let sums {
            KVCollapse(layout: pool.layout).store(
                sums, scale: 1 / Float(ran), position: count - 1, to: page(position: count - 1, loop: 1))
        }
        completed = count
    }

    private var pagesToCollapse: Int {
        guard isCollapsed else { return 0 }
        // A shared page is one from the first; a compressed one must be whole.
        return policy.sharesLoops
            ? pool.layout.blocks(positions: prompt, loops: 1) : completed / KVLayout.positionsPerBlock
    }

    /// Collapses pages as far as there is room for what they become; whether that was all.
    ///
    /// The last one goes first: of published pages none may be let go of before those that follow it.
    private func collapse() -> Bool {
        let end = pagesToCollapse
        while collapsedPages + collapsedFromTheEnd < end {
            let index = end - 1 - collapsedFromTheEnd
            let old = pages[index]
            guard
                let page = policy == .compressed ? pool.takeCompressed(loops: loops) : pool.take(loops: 1)
            else { return false }
            KVCollapse(layout: pool.layout).collapse(
                old.blocks, positions: min(KVLayout.positionsPerBlock, prompt - index * KVLayout.positionsPerBlock),
                to: page.blocks[0], policy)
            pages[index] = page
            set(page, at: index)
            pool.release(old)
            collapsedFromTheEnd += 1
        }
        (collapsedPages, collapsedFromTheEnd) = (end, 0)
        return true
    }

    private func append(_ page: KVPage) {
        set(page, at: pages.count)
        pages.append(page)
    }

    private func set(_ page: KVPage, at index: Int) {
        for loop in 0..<loops {
            let block = page.blocks[min(loop, page.blocks.count - 1)]
            table[loop * mostPages + index] = UnsafeRawPointer(block.base)
        }
    }

    private static func page(_ index: Int, of tokens: ArraySlice<Int>) -> [Int] {
        let start = tokens.startIndex + index * KVLayout.positionsPerBlock
        return Array(tokens[start..<start + KVLayout.positionsPerBlock])
    }
}
