/// The hardware that runs passes: the seam between the engine and everything that computes.
///
/// A device owns the weights, the keys and values, and the hidden states. The engine gives it integers (table,
/// position, loop, token, slot) and gets a few numbers back (gate, change, token, log-probability). No address crosses
/// the seam.
///
/// What must stay true: a row's outcome and its readout are functions of that row alone, bit for bit. They depend on
/// its table, position, loop, token and hidden state. They never depend on the other rows of the call, on how many
/// there are, or on their order. Everything the engine promises about batching, wavefront and prefill chunks rests on
/// this.
///
/// A device is used from one thread at a time. Both calls that compute return when their results are on the host.
package protocol PassDevice: AnyObject {
    /// Kind and instruction set, as in reports and checkpoints: `cpu:avx512`.
    var name: String { get }
    /// The sizes of stored keys and values. The arrangement inside a block is the device's own business.
    var layout: KVLayout { get }
    /// The cache policies that the device can run.
    var policies: Set<KVPolicy> { get }

    // MARK: memory (only between two passes)

    /// Allocates a block. The caller has checked that the cache budget allows it.
    func makeBlock(_ kind: BlockKind) -> BlockID
    /// Frees the memory of a block.
    func free(_ block: BlockID)
    /// Makes a table for a sequence of at most `pages` pages, with every entry empty.
    func makeTable(pages: Int, loops: Int, policy: KVPolicy) -> TableID
    /// Frees a table. Its blocks stay.
    func free(_ table: TableID)
    /// Sets the block of a table's page at a loop (0-based), or clears the entry.
    func set(_ table: TableID, page: Int, loop: Int, to block: BlockID?)
    /// Sets how later rows of a table read and write keys and values. A new table has the mode `TableMode.full`.
    func set(_ table: TableID, mode: TableMode)
    /// Makes room for the hidden states of slots `0..<count`.
    func reserveSlots(_ count: Int)
    /// Turns the blocks of one page into the one block that a policy keeps.
    func collapse(_ collapse: Collapse)
    /// Stores the mean of a position's keys and values over `loops` loops. A table in mode `TableMode.averaging` has
    /// accumulated them for its last row.
    func storeMean(of table: TableID, position: Int, loops: Int)

    // MARK: work

    /// Applies the layer stack once to every row: writes its keys and values, and replaces the hidden state in its slot
    /// by the normalised output. `outcomes` gets one value for each row, in order.
    ///
    /// Two rows may belong to one sequence. Then every earlier position at the same loop must be written already, or be
    /// in the same pass.
    func run(_ rows: [Row], outcomes: inout [RowOutcome])
    /// Turns the hidden states of some slots into logits, and each row of logits into a token. `results` gets one value
    /// for each readout, in order.
    func readOut(_ readouts: [Readout], results: inout [ReadoutResult])
    /// The time in seconds that the products of one layer take with so many rows. The scheduler derives the number of
    /// nearly free guesses from it.
    func seconds(rows: Int) -> Double
}

/// The two kinds of block.
package enum BlockKind: Sendable, Equatable {
    /// 16 positions of one loop.
    case full
    /// 16 positions of all loops, compressed.
    case compressed(loops: Int)
}

/// How the rows of a table read and write keys and values.
package enum TableMode: Sendable, Equatable {
    /// Every row writes its own keys and values into its loop's block.
    case full
    /// The same, and the device also sums up each row's keys and values over its loops (``KVPolicy/averaged``).
    case averaging
    /// The first `pages` pages are compressed.
    case compressed(pages: Int)
}

/// The order to collapse the blocks of one page to what a cache policy keeps.
package struct Collapse: Sendable, Equatable {
    package let policy: KVPolicy
    /// The blocks of the page, one for each loop.
    package let blocks: [BlockID]
    /// The number of the page's positions that hold keys and values. A page to be compressed is full.
    package let positions: Int
    /// The block that receives the result.
    package let target: BlockID
}
