/// One position of one sequence at one loop: the unit of work.
///
/// A row carries its hidden state from pass to pass in a slot of the model's row states. In a pass it reads the keys and
/// values that positions up to its own wrote *at the same loop*, and writes its own.
struct Row {
    let cache: SequenceCache
    let position: Int
    /// 1-based.
    let loop: Int
    /// The input token, read at loop 1 only.
    let token: Int
    /// Where the hidden state lies between passes.
    let slot: Int
}

/// The shared layer stack applied once to a batch of rows: any mixture of sequences, positions and loops.
///
/// Two rows of a pass may belong to one sequence, as long as no row needs keys of an earlier position that are neither
/// written yet nor in the same pass at the same loop.
struct Pass {
    var rows: [Row] = []
    /// What came out, row by row; filled by ``LoopedTransformer/run(_:)``.
    var outcomes: [RowOutcome] = []

}

/// What a pass tells about a row, besides the hidden state in its slot.
struct RowOutcome {
    /// The gate before the sigmoid.
    var gateLogit: Float
    /// Relative L2 change of the hidden state: `|h_t - h_(t-1)| / |h_(t-1)|`, where h_0 is the embedding.
    var change: Float
}
