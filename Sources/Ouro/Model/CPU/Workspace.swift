import OuroKernels

/// Memory for the intermediate values of a pass. Every buffer has one row for each row of the pass.
package struct Workspace {
    private(set) var residual: FloatRows
    private(set) var normed: FloatRows
    private(set) var queryKeyValue: FloatRows
    private(set) var attended: FloatRows
    private(set) var projected: FloatRows
    private(set) var gateUp: FloatRows
    private(set) var activated: FloatRows
    private(set) var cosine: FloatRows
    private(set) var sine: FloatRows
    /// For each row: the gate logit, the squared change of the state, and the squared norm of the state before.
    private(set) var outcomes: FloatRows
    /// The activations of one product, packed for the kernels.
    private(set) var packed: AlignedMemory
    /// The packed activations of the down projection. They need memory of their own, because threads write them while
    /// the product of gate and up still reads its activations.
    private(set) var packedActivated: AlignedMemory
    /// Scratch memory of attention, one row for each thread.
    private(set) var attention: FloatRows
    /// One span of expanded compressed pages in f32, one row for each thread.
    private(set) var expansion: FloatRows
    /// The runs of the current pass. `findRuns(_:configuration:workers:)` fills them.
    private(set) var runs: [AttentionRun] = []

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

    /// Bytes of a workspace of so many rows, without the scratch memory of the threads.
    package static func byteCount(rows: Int, configuration: ModelConfiguration) -> Int {
        let attention = configuration.headCount * configuration.headDimension
        let keyValue = configuration.keyValueHeadCount * configuration.headDimension
        let widest = max(configuration.hiddenSize, attention)
        let columns =
            3 * configuration.hiddenSize + 2 * attention + 2 * keyValue + 4 * configuration.intermediateSize
            + configuration.headDimension + widest
        return rows * (columns + 10 * 32) * MemoryLayout<Float>.stride
    }

    /// The largest number of rows with memory.
    var capacity: Int { residual.rows }

    /// The number of rows of a new workspace for a pass of `rows` rows. It is larger than needed, so that it seldom
    /// grows.
    package static func rowsMade(for rows: Int) -> Int { rows * 3 / 2 }

    /// Most queries of one attention job: rows times query heads. The keys and values are read from memory once for all
    /// of them.
    private static let rowsPerJob = 64

    /// The number of rows that attend together in a pass of `rows` rows. It consists of whole tiles, and gives every
    /// thread enough jobs. `group` is the number of query heads that share a KV head.
    static func rowsPerJob(rows: Int, keyValueHeads: Int, group: Int, workers: Int) -> Int {
        let tile = max(1, Int(OURO_ATTENTION_QUERIES) / group)
        let most = min(max(1, rowsPerJob / group), rows * keyValueHeads / (4 * workers))
        return max(1, most / tile) * tile
    }

    /// Divides the rows of a pass into runs.
    mutating func findRuns(_ rows: [CPURow], configuration: ModelConfiguration, workers: Int) {
        let most = Self.rowsPerJob(
            rows: rows.count, keyValueHeads: configuration.keyValueHeadCount,
            group: configuration.headCount / configuration.keyValueHeadCount, workers: workers)
        runs.removeAll(keepingCapacity: true)
        for index in rows.indices {
            if let last = runs.last, last.count < most, rows[index - 1].isFollowed(by: rows[index]) {
                runs[runs.count - 1].count += 1
            } else {
                runs.append(AttentionRun(first: index, count: 1))
            }
        }
    }
}
