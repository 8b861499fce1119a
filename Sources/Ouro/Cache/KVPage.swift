/// Keys and values of 16 positions, at all loops of a sequence and all layers.
///
/// While a sequence writes a page, the page belongs to it. When all positions have run all loops, the page can be
/// published: it joins the prefix tree, nobody writes it again, and any number of sequences may read it.
final class KVPage: PrefixNode {
    /// One block for each loop, or one block for all loops.
    let blocks: [BlockID]
    let isCompressed: Bool
    /// Bytes of its blocks.
    let byteCount: Int
    /// Sequences that have the page in their tables.
    var readers = 1
    /// The tokens of its positions; empty until it is published.
    var tokens: [Int] = []
    /// The page of the 16 positions before, or the root.
    unowned var parent: PrefixNode?
    // Neighbours in the list of published pages without a reader, ordered by when their last reader left.
    unowned var older: KVPage?
    unowned var newer: KVPage?

    init(blocks: [BlockID], byteCount: Int, isCompressed: Bool = false) {
        self.blocks = blocks
        self.byteCount = byteCount
        self.isCompressed = isCompressed
    }

    var isPublished: Bool { parent != nil }
}

/// A node of the prefix tree. The path from the root to a page spells the tokens of all positions up to the page's last.
/// The tokens themselves are compared, so two texts with equal hashes stay apart.
class PrefixNode {
    /// The pages that follow, by their tokens.
    var children: [[Int]: KVPage] = [:]
}

/// The root of all texts that may share pages.
final class PrefixRoot: PrefixNode {
    /// What must be equal, besides the tokens, before two requests share keys and values.
    struct Key: Hashable {
        let loops: Int
        /// Keeps tenants apart: requests with different salts never share.
        let salt: String
    }

    let key: Key
    init(_ key: Key) { self.key = key }
}

/// Published pages without a reader, least recently used first.
struct IdlePages {
    private(set) var count = 0
    unowned private(set) var oldest: KVPage?
    unowned private var newest: KVPage?

    mutating func append(_ page: KVPage) {
        (page.older, page.newer) = (newest, nil)
        newest?.newer = page
        newest = page
        if oldest == nil { oldest = page }
        count += 1
    }

    mutating func remove(_ page: KVPage) {
        if let older = page.older { older.newer = page.newer } else { oldest = page.newer }
        if let newer = page.newer { newer.older = page.older } else { newest = page.older }
        (page.older, page.newer) = (nil, nil)
        count -= 1
    }
}
