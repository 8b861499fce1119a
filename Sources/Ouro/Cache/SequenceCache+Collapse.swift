// Cache policies other than ``KVPolicy/full``. When the prompt is complete, they collapse pages: the blocks of a page,
// one for each loop, become one smaller block.

extension SequenceCache {
    /// Whether the prompt is complete, so that rows read and write collapsed pages.
    var isCollapsed: Bool { policy != .full && completed > 0 && completed >= prompt }

    /// Records that the first `count` positions have run all their loops. The next `reserve(upTo:)` collapses the
    /// pages that are due.
    ///
    /// After the prompt, positions complete one by one. `ran` is the number of loops that the last one ran.
    package func complete(_ count: Int, loops ran: Int) {
        guard policy != .full, count > completed else { return }
        if isCollapsed, policy == .averaged {
            pool.device.storeMean(of: table, position: count - 1, loops: ran)
        }
        completed = count
        if isCollapsed, policy == .averaged { pool.device.set(table, mode: .averaging) }
    }

    /// The number of pages, from the first on, that must be collapsed.
    var pagesToCollapse: Int {
        guard isCollapsed else { return 0 }
        // Loops that share keys and values share all pages of the prompt. Only full pages can be compressed.
        return policy.sharesLoops
            ? pool.layout.blocks(positions: prompt, loops: 1) : completed / KVLayout.positionsPerBlock
    }

    /// Collapses pages while there is room for the results. Returns whether no page is due any more.
    ///
    /// The last page comes first, because a published page must not be released before the pages that follow it.
    func collapse() -> Bool {
        let end = pagesToCollapse
        while collapsedPages + collapsedFromTheEnd < end {
            let index = end - 1 - collapsedFromTheEnd
            let old = pages[index]
            guard
                let page = policy == .compressed ? pool.takeCompressed(loops: loops) : pool.take(loops: 1)
            else { return false }
            pool.device.collapse(
                Collapse(
                    policy: policy, blocks: old.blocks,
                    positions: min(KVLayout.positionsPerBlock, prompt - index * KVLayout.positionsPerBlock),
                    target: page.blocks[0]))
            pages[index] = page
            set(page, at: index)
            pool.release(old)
            collapsedFromTheEnd += 1
        }
        if collapsedFromTheEnd > 0, policy == .compressed {
            pool.device.set(table, mode: .compressed(pages: end))
        }
        (collapsedPages, collapsedFromTheEnd) = (end, 0)
        return true
    }
}
