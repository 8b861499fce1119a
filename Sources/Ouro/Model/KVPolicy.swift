/// Which keys and values a sequence keeps after its prompt, and which ones later rows read.
///
/// The positions of the prompt always run all loops, and every loop attends to its own keys and values, because sharing
/// costs most there (paper, table 14). When the prompt is complete, its keys and values are collapsed to what the
/// policy keeps, and its pages return to the pool. From then on, one row of the sequence runs at a time:
///
/// 1. At every loop, the row reads the kept keys and values of all earlier positions. At its own position, it reads the
///    keys and values that it has just computed at this loop.
/// 2. When the row is complete, the policy's part of its keys and values joins the cache. If loops share their cache,
///    the row is complete at its exit loop.
///
/// The result depends only on the tokens and exits of the sequence itself. Prefill chunks, other requests, threads and
/// preemption do not change it.
public enum KVPolicy: String, Sendable, CaseIterable {
    /// Every loop keeps its own keys and values. Only this policy is exact, and only this one lets rows run ahead on
    /// guesses.
    case full
    /// All loops share the keys and values of the last loop that a position has run.
    case lastLoop = "last-loop"
    /// All loops share the mean over the loops that a position has run.
    case averaged
    /// Every loop keeps its own keys and values in few bits. When 16 positions are complete, the last loop is stored
    /// directly, and every earlier loop as its difference from the next one.
    ///
    /// Positions of an incomplete group of 16 are read as they were first stored. Rows run all loops before their
    /// successors start, whatever their exit.
    case compressed

    /// Whether all loops read the same keys and values.
    public var sharesLoops: Bool { self == .lastLoop || self == .averaged }

    /// The largest number of blocks that a sequence can need at any time.
    ///
    /// `prompt` is the number of positions with full keys and values, `positions` that of all positions.
    package func blocks(prompt: Int, positions: Int, loops: Int, layout: KVLayout) -> Int {
        let full = layout.blocks(positions: prompt, loops: loops)
        let pages = layout.blocks(positions: positions, loops: 1)
        switch self {
        case .full: return layout.blocks(positions: positions, loops: loops)
        // During a collapse, the old page still exists.
        case .lastLoop, .averaged: return max(full + 1, pages)
        case .compressed:
            let one = layout.compressedBlocks(pages: 1, loops: loops)
            return max(full, layout.compressedBlocks(pages: pages, loops: loops) + loops) + one
        }
    }
}
