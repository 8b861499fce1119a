/// Keys and values of 16 positions, at all loops of a sequence and all layers.
///
/// A page belongs to one sequence while that writes it. Once all its positions are through all loops it may be published:
/// it then stands in the tree of prefixes, is never written again, and any number of sequences may read it.
final class KVPage: PrefixNode {
    /// A block of memory for each loop, or one for all of them, laid out as ``KVLayout`` says; of a compressed page one
    /// piece of memory for all loops.
    let blocks: [AlignedMemory]
    let isCompressed: Bool
    /// Sequences that have it in their tables.
    var readers = 1
    /// The tokens of its positions; empty unless it is published.
    var tokens: [Int] = []
    /// What it follows: the page of the 16 positions before, or the root.
    unowned var parent: PrefixNode?
    // Its neighbours among the published pages without a reader, by when their last reader left.
    unowned var older: KVPage?
    unowned var newer: KVPage?

    init(blocks: [AlignedMemory], isCompressed: Bool = false) {
        self.blocks = blocks
        self.isCompressed = isCompressed
    }

    var byteCount: Int { blocks.reduce(0) { $0 + $1.byteCount } }

    var isPublished: Bool { parent != nil }
}

/// A place in the tree of prefixes. The way from the root to a page spells the tokens of all positions up to its last, and
/// the tokens themselves are compared, so equal hashes never pass for equal texts.
class PrefixNode {
    /// The pages that follow, by their tokens.
    var children: [[Int]: KVPage] = [:]
}

/// The beginning of all texts that may share pages.
final class PrefixRoot: PrefixNode {
    /// What must be equal, besides the tokens, for keys and values to be shared.
    struct Key: Hashable {
        let loops: Int
        /// Keeps tenants apart: requests with different salts never share.
        let salt: String
    }

    let key: Key
    init(_ key: Key) { self.key = key }
}

/// Pages that nobody reads, the longest unread first.
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
