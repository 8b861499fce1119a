/// Keys and values of 16 positions of a sequence, at all its loops and in all layers.
///
/// Sequences that begin with the same tokens read the same pages. A page is written by the one sequence that took it, and
/// by nobody any more once it is published.
final class KVPage {
    /// Never used again, unlike an address.
    let id: Int
    /// One block for every loop.
    fileprivate(set) var blocks: [AlignedMemory]
    /// Sequences that have it in their table.
    fileprivate(set) var readers = 0
    /// What is in it, if it is published.
    fileprivate(set) var key: Key?
    /// Its place in the queue of pages without readers; older entries of the queue are void.
    fileprivate var stamp = 0

    /// What a published page holds. Keys are compared as a whole, tokens included, never by hash alone.
    struct Key: Hashable {
        /// The page before it, by its id; 0 for the first of a sequence.
        let parent: Int
        let tokens: [Int32]
        let loops: Int
        /// Keeps tenants apart.
        let salt: String
    }

    fileprivate init(id: Int, blocks: [AlignedMemory]) {
        self.id = id
        self.blocks = blocks
    }
}

/// All pages of the cache, within a budget.
///
/// A page is in use while a sequence reads it. A published page without readers stays until its memory is needed, the one
/// that was read longest ago goes first. Sequences give their pages back from the last to the first, so that a page never
/// goes before those that follow it. Memory is taken from the system on first use and kept. Owned by the inference thread.
final class KVPool {
    let layout: KVLayout
    /// Blocks that fit into the budget.
    let capacity: Int
    /// Blocks of pages that sequences read.
    private(set) var used = 0
    /// Blocks of published pages without readers.
    private(set) var cached = 0
    /// Pages that had to go.
    private(set) var evictions = 0

    private var free: [AlignedMemory] = []
    private var published: [KVPage.Key: KVPage] = [:]
    private var queue: [(page: KVPage, stamp: Int)] = []
    private var queueStart = 0
    private var lastID = 0
    private var lastStamp = 0

    init(layout: KVLayout, budget: Int) {
        self.layout = layout
        capacity = max(0, budget / layout.bytesPerBlock)
    }

    /// Blocks that could be had now, at the cost of cached pages.
    var available: Int { capacity - used }

    /// A new page, read by the sequence that asks for it; nil if there is no room.
    func take(loops: Int) -> KVPage? {
        guard used + loops <= capacity else { return nil }
        while used + cached + loops > capacity { evict() }
        lastID += 1
        let blocks = (0..<loops).map { _ in free.popLast() ?? AlignedMemory(byteCount: layout.bytesPerBlock) }
        let page = KVPage(id: lastID, blocks: blocks)
        page.readers = 1
        used += loops
        return page
    }

    func retain(_ page: KVPage) {
        if page.readers == 0 {
            cached -= page.blocks.count
            used += page.blocks.count
        }
        page.readers += 1
    }

    func release(_ page: KVPage) {
        assert(page.readers > 0)
        page.readers -= 1
        guard page.readers == 0 else { return }
        used -= page.blocks.count
        guard page.key != nil else { return recycle(page) }
        cached += page.blocks.count
        lastStamp += 1
        page.stamp = lastStamp
        queue.append((page, lastStamp))
    }

    /// The published page with these contents.
    func find(_ key: KVPage.Key) -> KVPage? { published[key] }

    /// Lets other sequences read a page; nil, or the page with the same contents that is published already. Those are
    /// the same bits, so a sequence that holds both may give its own back.
    func publish(_ page: KVPage, as key: KVPage.Key) -> KVPage? {
        if let other = published[key] { return other }
        page.key = key
        published[key] = page
        return nil
    }

    private func evict() {
        while queueStart < queue.count {
            let (page, stamp) = queue[queueStart]
            queueStart += 1
            if queueStart > 1024, 2 * queueStart > queue.count {
                queue.removeFirst(queueStart)
                queueStart = 0
            }
            guard page.readers == 0, page.stamp == stamp, let key = page.key else { continue }
            published[key] = nil
            page.key = nil
            cached -= page.blocks.count
            evictions += 1
            return recycle(page)
        }
        preconditionFailure("cached pages are not in the queue")
    }

    private func recycle(_ page: KVPage) {
        free += page.blocks
        page.blocks = []
    }
}
