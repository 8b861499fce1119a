import OuroKernels

/// The intermediate values of a pass, a row of memory each; grows to the largest pass seen.
struct Workspace {
    private(set) var residual: FloatRows
    private(set) var normed: FloatRows
    private(set) var queryKeyValue: FloatRows
    private(set) var attended: FloatRows
    private(set) var projected: FloatRows
    private(set) var gateUp: FloatRows
    private(set) var activated: FloatRows
    private(set) var cosine: FloatRows
    private(set) var sine: FloatRows
    /// Gate logit, squared change, squared base.
    private(set) var outcomes: FloatRows
    /// The activations of one product, in the kernels' tiles.
    private(set) var packed: AlignedMemory
    /// Scores of attention, a row for every worker.
    private(set) var scores: FloatRows

    init(
        rows: Int, positions: Int = 1024, configuration: ModelConfiguration, weights: ModelWeights, workers: Int,
        kernels: Kernels
    ) {
        let rows = max(rows, LoopedTransformer.readoutBatch)
        let attention = configuration.headCount * configuration.headDimension
        let keyValue = configuration.keyValueHeadCount * configuration.headDimension
        let panels = (configuration.intermediateSize + PackedMatrix.panel - 1) / PackedMatrix.panel
        residual = FloatRows(rows: rows, columns: configuration.hiddenSize)
        normed = FloatRows(rows: rows, columns: configuration.hiddenSize)
        queryKeyValue = FloatRows(rows: rows, columns: attention + 2 * keyValue)
        attended = FloatRows(rows: rows, columns: attention)
        projected = FloatRows(rows: rows, columns: configuration.hiddenSize)
        gateUp = FloatRows(rows: rows, columns: 2 * panels * PackedMatrix.panel)
        activated = FloatRows(rows: rows, columns: configuration.intermediateSize)
        cosine = FloatRows(rows: rows, columns: configuration.headDimension / 2)
        sine = FloatRows(rows: rows, columns: configuration.headDimension / 2)
        outcomes = FloatRows(rows: rows, columns: 3)
        let matrices =
            weights.layers.flatMap { [$0.queryKeyValue, $0.attentionOutput, $0.gateUp, $0.down] } + [weights.head]
        packed = AlignedMemory(
            byteCount: matrices.map { kernels.packedBytes($0, rows: rows) }.max() ?? 0, clears: false)
        scores = Self.scores(positions: positions, workers: workers)
    }

    /// The largest number of rows that fit.
    var capacity: Int { residual.rows }

    /// Makes room for attention over `positions` positions.
    mutating func reserve(positions: Int) {
        let needed = Self.scoreCount(positions)
        if scores.columns < needed { scores = Self.scores(positions: positions * 3 / 2, workers: scores.rows) }
    }

    private static func scoreCount(_ positions: Int) -> Int {
        (positions / KVLayout.positionsPerBlock + 2) * KVLayout.positionsPerBlock * Int(OURO_ATTENTION_QUERIES)
    }

    private static func scores(positions: Int, workers: Int) -> FloatRows {
        FloatRows(rows: workers, columns: scoreCount(positions))
    }
}
