/// Keys and values of 16 positions, at all loops of a sequence and all layers.
///
/// While a sequence writes a page, the page belongs to that sequence. When all its positions have run all loops, the
/// page can be published. A published page is part of the prefix tree. It is never written again, and any number of
/// sequences may read it.
final class KVPage: PrefixNode {
    /// One block for each loop, or one block for all loops.
    let blocks: [BlockID]
    let isCompressed: Bool
    /// Bytes of all blocks.
    let byteCount: Int
    /// The number of sequences that have the page in their tables.
    var readers = 1
    /// The tokens of its positions; empty until the page is published.
    var tokens: [Int] = []
    /// The page of the 16 positions before, or the root. Nil until the page is published.
    unowned var parent: PrefixNode?
    // Neighbours in the list of published pages without a reader. The list is sorted by the time at which the last
    // reader left.
    unowned var older: KVPage?
    unowned var newer: KVPage?

    init(blocks: [BlockID], byteCount: Int, isCompressed: Bool = false) {
        self.blocks = blocks
        self.byteCount = byteCount
        self.isCompressed = isCompressed
    }

    var isPublished: Bool { parent != nil }
}

/// A node of the prefix tree. The path from the root to a page spells the tokens up to the page's last position.
///
/// Tokens themselves are compared, so texts with equal hashes are never confused.
class PrefixNode {
    /// The pages of the next 16 positions, by their tokens.
    var children: [[Int]: KVPage] = [:]
}

/// The root of all texts that may share pages.
final class PrefixRoot: PrefixNode {
    /// What must be equal, besides the tokens, for two requests to share pages.
    struct Key: Hashable {
        let loops: Int
        /// Separates tenants: requests with different salts never share pages.
        let salt: ExactString
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
