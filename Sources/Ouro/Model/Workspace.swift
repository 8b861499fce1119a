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
    /// The activations of the MLP's second product, which come into being while the first one reads its own.
    private(set) var packedActivated: AlignedMemory
    /// What a job of attention keeps, a row for every worker.
    private(set) var attention: FloatRows
    /// A span of compressed pages in f32, a row for every worker.
    private(set) var expansion: FloatRows

    init(
        rows: Int, configuration: ModelConfiguration, weights: ModelWeights, workers: Int, kernels: Kernels
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
        func tiles(_ matrices: [PackedMatrix]) -> AlignedMemory {
            AlignedMemory(byteCount: matrices.map { kernels.packedBytes($0, rows: rows) }.max() ?? 0, clears: false)
        }
        packed = tiles(
            weights.layers.flatMap { [$0.queryKeyValue, $0.attentionOutput, $0.gateUp] } + [weights.head])
        packedActivated = tiles(weights.layers.map(\.down))
        let group = configuration.headCount / configuration.keyValueHeadCount
        self.attention = FloatRows(
            rows: workers, columns: ouro_attention_scratch(max(Self.rowsPerJob, group), configuration.headDimension))
        expansion = FloatRows(rows: workers, columns: ouro_expansion_scratch(configuration.headDimension))
    }

    /// Bytes that a workspace of so many rows takes, what workers have by themselves left out.
    static func byteCount(rows: Int, configuration: ModelConfiguration) -> Int {
        let attention = configuration.headCount * configuration.headDimension
        let keyValue = configuration.keyValueHeadCount * configuration.headDimension
        let widest = max(configuration.hiddenSize, attention)
        let columns =
            3 * configuration.hiddenSize + 2 * attention + 2 * keyValue + 4 * configuration.intermediateSize
            + configuration.headDimension + widest
        return rows * (columns + 10 * 32) * MemoryLayout<Float>.stride
    }

    /// The largest number of rows that fit.
    var capacity: Int { residual.rows }

    /// Rows whose attention to one head's keys and values is one job: so often fewer are they read from memory.
    private static let rowsPerJob = 64

    /// Rows that a job of attention takes when a pass has so many: whole tiles, and work for every thread.
    ///
    /// - Parameter group: query heads that share a KV head.
    static func rowsPerJob(rows: Int, keyValueHeads: Int, group: Int, workers: Int) -> Int {
        let tile = max(1, Int(OURO_ATTENTION_QUERIES) / group)
        let most = min(max(1, rowsPerJob / group), rows * keyValueHeads / (4 * workers))
        return max(1, most / tile) * tile
    }
}
