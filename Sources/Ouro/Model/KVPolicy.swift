/// Which keys and values a sequence keeps after its prompt, and what the rows after it read.
///
/// The prompt, its last position included, always runs all loops, and every loop attends to its own keys and values; that
/// is where sharing costs most (paper, table 14). When the whole prompt is through, its keys and values are collapsed to
/// what the policy keeps, and the pages go back to the pool. From then on one row of the sequence runs at a time:
///
/// 1. At every loop a row reads what is kept of all positions before its own, and of its own position the keys and values
///    of the loop at hand, as it has just computed them.
/// 2. When it is through, what the policy keeps of its keys and values joins the cache. With a shared cache it is through
///    at its exit loop: nothing is left to compute for later tokens.
///
/// All of this depends on the sequence's own tokens and exits only: chunks, company, threads and preemption change nothing.
public enum KVPolicy: String, Sendable, CaseIterable {
    /// Every loop keeps its own. The only exact policy, and the only one that lets rows run ahead on guesses.
    case full
    /// One cache for all loops: the keys and values of the last loop that a position has run.
    case lastLoop = "last-loop"
    /// One cache for all loops: the mean over the loops that a position has run.
    case averaged
    /// Every loop keeps its own in few bits: of every 16 positions that are through, the last loop, and of every other loop
    /// the difference from the loop after it. The positions before a row that share its 16 are read as they were stored.
    /// Rows run all loops before their successors start, whatever their exit.
    case compressed

    /// Whether all loops read the same keys and values.
    public var sharesLoops: Bool { self == .lastLoop || self == .averaged }

    /// Blocks that a sequence can need at most, at any time.
    ///
    /// - Parameters:
    ///   - prompt: positions that run with full keys and values.
    ///   - positions: all positions.
    package func blocks(prompt: Int, positions: Int, loops: Int, layout: KVLayout) -> Int {
        let full = layout.blocks(positions: prompt, loops: loops)
        let pages = layout.blocks(positions: positions, loops: 1)
        switch self {
        case .full: return layout.blocks(positions: positions, loops: loops)
        // A page is collapsed while it is still there.
        case .lastLoop, .averaged: return max(full + 1, pages)
        case .compressed:
            let one = layout.compressedBlocks(pages: 1, loops: loops)
            return max(full, layout.compressedBlocks(pages: pages, loops: loops) + loops) + one
        }
    }
}
