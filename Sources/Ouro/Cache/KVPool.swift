/// All pages of the cache, within a budget.
///
/// A page is in use while a sequence has it, cached while it is published and has no reader, and gone otherwise: its blocks
/// then serve other pages. Cached pages make way when memory is needed, the longest unread first. Owned by the inference
/// thread.
///
/// A sequence reads a chain of pages from the root on, and lets go of it from its end. So a page's readers read its parent
/// too, and a page is never unread for longer than those that follow it: the one to evict has no children.
final class KVPool {
    let layout: KVLayout
    /// Bytes.
    let budget: Int
    /// Blocks (16 positions of one loop) that fit into the budget.
    let capacity: Int
    /// Whether pages are published at all.
    let sharesPrefixes: Bool
    private(set) var blocksInUse = 0
    private(set) var blocksCached = 0
    private(set) var pagesInUse = 0
    /// Grows whenever a page is published or let go of: what could not be had before may be there now.
    private(set) var changes = 0
    private var free: [AlignedMemory] = []
    // Of compressed pages; `blocksInUse` has them in whole blocks.
    private var compressedBytes = 0
    private var roots: [PrefixRoot.Key: PrefixRoot] = [:]
    private var idle = IdlePages()

    init(layout: KVLayout, budget: Int, sharesPrefixes: Bool = true) {
        self.layout = layout
        self.budget = budget
        self.sharesPrefixes = sharesPrefixes
        capacity = max(0, budget / layout.bytesPerBlock)
    }

    // One page after the other: chains are long, and freeing them from their root would nest as deep.
    deinit { while let page = idle.oldest { evict(page) } }

    var pagesCached: Int { idle.count }
    /// Blocks whose memory is there for the next page.
    var blocksFree: Int { free.count }

    /// A page for a sequence to write; nil if all memory is in use.
    func take(loops: Int) -> KVPage? {
        guard loops <= capacity - blocksInUse else { return nil }
        while blocksInUse + blocksCached + loops > capacity, let page = idle.oldest { evict(page) }
        blocksInUse += loops
        pagesInUse += 1
        return KVPage(
            blocks: (0..<loops).map { _ in free.popLast() ?? AlignedMemory(byteCount: layout.bytesPerBlock) })
    }

    /// A page for all loops compressed, never published; nil if all memory is in use.
    func takeCompressed(loops: Int) -> KVPage? {
        let bytes = layout.compressedBytes(loops: loops)
        let more = blocks(compressedBytes + bytes) - blocks(compressedBytes)
        guard more <= capacity - blocksInUse else { return nil }
        while blocksInUse + blocksCached + more > capacity, let page = idle.oldest { evict(page) }
        // Its memory is not a block's: as many free ones go.
        while !free.isEmpty, blocksInUse + blocksCached + free.count + more > capacity { free.removeLast() }
        compressedBytes += bytes
        blocksInUse += more
        pagesInUse += 1
        return KVPage(blocks: [AlignedMemory(byteCount: bytes)], isCompressed: true)
    }

    private func blocks(_ bytes: Int) -> Int { (bytes + layout.bytesPerBlock - 1) / layout.bytesPerBlock }

    /// The published page of the next 16 tokens after `parent`, for one more reader.
    func find(_ tokens: [Int], after parent: KVPage?, key: PrefixRoot.Key) -> KVPage? {
        guard sharesPrefixes, let page = (parent ?? roots[key])?.children[tokens] else { return nil }
        retain(page)
        return page
    }

    /// Offers a page for reading, which from now on nobody writes. Returns the page to use in its place: itself, or the one
    /// that was published with the same content before.
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

    /// One reader less. A sequence lets go of its last page first.
    func release(_ page: KVPage) {
        changes += 1
        page.readers -= 1
        guard page.readers == 0 else { return }
        pagesInUse -= 1
        if page.isCompressed {
            blocksInUse -= blocks(compressedBytes) - blocks(compressedBytes - page.byteCount)
            compressedBytes -= page.byteCount
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
        // Salts come and go; their roots must not stay.
        if let root = parent as? PrefixRoot, root.children.isEmpty { roots[root.key] = nil }
    }

    private func root(_ key: PrefixRoot.Key) -> PrefixRoot {
        if let root = roots[key] { return root }
        let root = PrefixRoot(key)
        roots[key] = root
        return root
    }
}
