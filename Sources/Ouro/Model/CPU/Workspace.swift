import OuroKernels

/// Memory for the intermediate values of a pass. Each value has one row of memory for each row of the pass.
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
    /// Gate logit, squared change, squared base.
    private(set) var outcomes: FloatRows
    /// The activations of one product, packed for the kernels.
    private(set) var packed: AlignedMemory
    /// The packed activations of the down projection: threads write them while gate and up still read theirs.
    private(set) var packedActivated: AlignedMemory
    /// Scratch memory of attention, one row for each thread.
    private(set) var attention: FloatRows
    /// A span of compressed pages in f32, one row for each thread.
    private(set) var expansion: FloatRows
    /// The runs of the pass under way; filled by ``findRuns(_:configuration:workers:)``.
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

    /// Bytes that a workspace of so many rows takes, without the scratch memory of threads.
    package static func byteCount(rows: Int, configuration: ModelConfiguration) -> Int {
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

    /// Rows for which a workspace is made when a pass has `rows`. It is made larger than needed, so that it grows seldom.
    package static func rowsMade(for rows: Int) -> Int { rows * 3 / 2 }

    /// Rows that attend to one head's keys and values together. The keys and values are read from memory once for all.
    private static let rowsPerJob = 64

    /// Rows that attend together when a pass has `rows`: whole tiles, and enough jobs for every thread.
    ///
    /// - Parameter group: query heads that share a KV head.
    static func rowsPerJob(rows: Int, keyValueHeads: Int, group: Int, workers: Int) -> Int {
        let tile = max(1, Int(OURO_ATTENTION_QUERIES) / group)
        let most = min(max(1, rowsPerJob / group), rows * keyValueHeads / (4 * workers))
        return max(1, most / tile) * tile
    }

    /// Divides a pass into runs.
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
