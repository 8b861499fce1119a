/// All pages of the cache, within a budget. The inference thread owns the pool.
///
/// A page is *in use* while a sequence has it in its table. It is *cached* while it is published and has no reader. The
/// blocks of any other page are free for new pages. When memory is needed, the least recently used cached page is
/// evicted.
///
/// What must stay true: every reader of a page also reads its parent. This holds because a sequence takes a chain of
/// pages from the root on and releases it from the end. A page is therefore idle at least as recently as its children,
/// so the least recently used page has no children.
package final class KVPool {
    package let device: any PassDevice
    package let layout: KVLayout
    /// The budget in bytes.
    package let budget: Int
    /// The number of blocks (16 positions of one loop) that fit into the budget.
    package let capacity: Int
    /// Whether pages are published.
    let sharesPrefixes: Bool
    package private(set) var blocksInUse = 0
    private(set) var blocksCached = 0
    private(set) var pagesInUse = 0
    /// Increases whenever a page is published or released. Only then may a request fit that did not fit before.
    private(set) var changes = 0
    private var free: [BlockID] = []
    // Bytes of compressed pages. `blocksInUse` counts them rounded up to whole blocks.
    private var compressedBytes = 0
    private var roots: [PrefixRoot.Key: PrefixRoot] = [:]
    private var idle = IdlePages()

    package init(device: any PassDevice, budget: Int, sharesPrefixes: Bool = true) {
        self.device = device
        layout = device.layout
        self.budget = budget
        self.sharesPrefixes = sharesPrefixes
        capacity = max(0, budget / layout.bytesPerBlock)
    }

    // Evicts pages one by one. Freeing a long chain from its root would recurse to the depth of the chain.
    deinit {
        while let page = idle.oldest { evict(page) }
        for block in free { device.free(block) }
    }

    var pagesCached: Int { idle.count }
    /// Allocated blocks that belong to no page.
    var blocksFree: Int { free.count }

    /// Takes a page for a sequence to write, with one block for each loop. Nil if all memory is in use.
    func take(loops: Int) -> KVPage? {
        guard loops <= capacity - blocksInUse else { return nil }
        while blocksInUse + blocksCached + loops > capacity, let page = idle.oldest { evict(page) }
        blocksInUse += loops
        pagesInUse += 1
        return KVPage(
            blocks: (0..<loops).map { _ in free.popLast() ?? device.makeBlock(.full) },
            byteCount: loops * layout.bytesPerBlock)
    }

    /// Takes a page that holds all loops compressed. Such a page is never published. Nil if all memory is in use.
    func takeCompressed(loops: Int) -> KVPage? {
        let bytes = layout.compressedBytes(loops: loops)
        let more = blocks(compressedBytes + bytes) - blocks(compressedBytes)
        guard more <= capacity - blocksInUse else { return nil }
        while blocksInUse + blocksCached + more > capacity, let page = idle.oldest { evict(page) }
        // A compressed page cannot use a free block. Free blocks are released to stay within the budget.
        while blocksInUse + blocksCached + free.count + more > capacity, let block = free.popLast() {
            device.free(block)
        }
        compressedBytes += bytes
        blocksInUse += more
        pagesInUse += 1
        return KVPage(blocks: [device.makeBlock(.compressed(loops: loops))], byteCount: bytes, isCompressed: true)
    }

    private func blocks(_ bytes: Int) -> Int { (bytes + layout.bytesPerBlock - 1) / layout.bytesPerBlock }

    /// Looks up the published page of the next 16 tokens after `parent`, and adds a reader to it. Nil if there is none.
    func find(_ tokens: [Int], after parent: KVPage?, key: PrefixRoot.Key) -> KVPage? {
        guard sharesPrefixes, let page = (parent ?? roots[key])?.children[tokens] else { return nil }
        retain(page)
        return page
    }

    /// Publishes a page that will not be written any more. Returns the page to use from now on: either the same page,
    /// or a page with equal content that was published before.
    func publish(_ page: KVPage, tokens: [Int], after parent: KVPage?, key: PrefixRoot.Key) -> KVPage {
        assert(!page.isPublished && tokens.count == KVLayout.positionsPerBlock && parent?.isPublished ?? true)
        if let known = find(tokens, after: parent, key: key) {
            release(page)
            return known
        }
        changes += 1
        let place = parent ?? root(key)
        place.children[tokens] = page
        page.tokens = tokens
        page.parent = place
        return page
    }

    /// Removes a reader. A sequence releases its last page first.
    func release(_ page: KVPage) {
        changes += 1
        page.readers -= 1
        guard page.readers == 0 else { return }
        pagesInUse -= 1
        if page.isCompressed {
            blocksInUse -= blocks(compressedBytes) - blocks(compressedBytes - page.byteCount)
            compressedBytes -= page.byteCount
            for block in page.blocks { device.free(block) }
            return
        }
        blocksInUse -= page.blocks.count
        if page.isPublished {
            blocksCached += page.blocks.count
            idle.append(page)
        } else {
            free.append(contentsOf: page.blocks)
        }
    }

    private func retain(_ page: KVPage) {
        if page.readers == 0 {
            idle.remove(page)
            blocksCached -= page.blocks.count
            blocksInUse += page.blocks.count
            pagesInUse += 1
        }
        page.readers += 1
    }

    private func evict(_ page: KVPage) {
        assert(page.readers == 0 && page.children.isEmpty)
        idle.remove(page)
        blocksCached -= page.blocks.count
        free.append(contentsOf: page.blocks)
        let parent = page.parent
        page.parent = nil
        parent?.children[page.tokens] = nil
        // Salts come and go, so a root without pages must not stay.
        if let root = parent as? PrefixRoot, root.children.isEmpty { roots[root.key] = nil }
    }

    private func root(_ key: PrefixRoot.Key) -> PrefixRoot {
        if let root = roots[key] { return root }
        let root = PrefixRoot(key)
        roots[key] = root
        return root
    }
}
