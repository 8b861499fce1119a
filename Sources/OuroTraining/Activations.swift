import Ouro

/// The shape of what is computed together: some sequences of a batch, all of one length.
struct MicroBatchShape: Equatable, Sendable {
    let rows: Int
    let length: Int
    var positions: Int { rows * length }
}

/// What one layer keeps of its forward computation for the backward one, at one loop.
struct LayerActivations {
    /// After the norm before attention: input of queries, keys and values.
    let normed: FloatRows
    /// Queries and keys turned by their positions, and values.
    let queryKeyValue: FloatRows
    let attended: FloatRows
    /// [sequence][query head][position], see `ouro_training_attention`.
    let logSums: FloatRows
    /// What attention adds to the residual stream, before its norm.
    let attentionOutput: FloatRows
    /// The residual stream between attention and MLP.
    let middle: FloatRows
    /// After the norm before the MLP.
    let mlpNormed: FloatRows
    let gateUp: FloatRows
    /// What the MLP adds to the residual stream, before its norm.
    let mlpOutput: FloatRows
    /// The residual stream after the layer.
    let output: FloatRows
    /// Reciprocal roots of the four norms, in the order of their use.
    let inverseRoots: FloatRows

    /// What has a value for every position and dimension.
    var wide: [FloatRows] {
        [output, normed, queryKeyValue, attended, attentionOutput, middle, mlpNormed, gateUp, mlpOutput]
    }
    static let outputIndex = 0
    /// The rest.
    var exact: [FloatRows] { [logSums, inverseRoots] }

    init(_ configuration: ModelConfiguration, _ shape: MicroBatchShape) {
        let (hidden, positions) = (configuration.hiddenSize, shape.positions)
        let queries = configuration.headCount * configuration.headDimension
        let keys = configuration.keyValueHeadCount * configuration.headDimension
        func rows(_ columns: Int) -> FloatRows { FloatRows(rows: positions, columns: columns) }
        normed = rows(hidden)
        queryKeyValue = rows(queries + 2 * keys)
        attended = rows(queries)
        logSums = FloatRows(rows: shape.rows, columns: configuration.headCount * shape.length)
        attentionOutput = rows(hidden)
        middle = rows(hidden)
        mlpNormed = rows(hidden)
        gateUp = rows(2 * configuration.intermediateSize)
        mlpOutput = rows(hidden)
        output = rows(hidden)
        inverseRoots = FloatRows(rows: 4, columns: positions)
    }
}

/// What one loop keeps.
struct LoopActivations {
    let layers: [LayerActivations]
    let finalInverseRoots: FloatRows

    init(_ configuration: ModelConfiguration, _ shape: MicroBatchShape) {
        self.init(
            layers: (0..<configuration.layerCount).map { _ in LayerActivations(configuration, shape) }, shape)
    }

    init(layers: [LayerActivations], _ shape: MicroBatchShape) {
        self.layers = layers
        finalInverseRoots = FloatRows(rows: 1, columns: shape.positions)
    }
}

/// Values that live no longer than one layer's computation.
struct LayerScratch {
    /// Gradient of what a branch adds to the residual stream, then of a branch's input.
    let branch: FloatRows
    let normed: FloatRows
    let queryKeyValue: FloatRows
    let attended: FloatRows
    let gateUp: FloatRows
    /// The MLP's activated values, or their gradients.
    let activated: FloatRows
    /// A part of the gradient of a norm's weight for every chunk of positions, for two norms.
    let normPartials: FloatRows
    /// For every worker.
    let attention: FloatRows

    init(_ configuration: ModelConfiguration, _ shape: MicroBatchShape, compute: Compute) {
        let (hidden, positions) = (configuration.hiddenSize, shape.positions)
        let queries = configuration.headCount * configuration.headDimension
        let keys = configuration.keyValueHeadCount * configuration.headDimension
        func rows(_ columns: Int) -> FloatRows { FloatRows(rows: positions, columns: columns) }
        branch = rows(hidden)
        normed = rows(hidden)
        queryKeyValue = rows(queries + 2 * keys)
        attended = rows(queries)
        gateUp = rows(2 * configuration.intermediateSize)
        activated = rows(configuration.intermediateSize)
        normPartials = FloatRows(rows: 2 * Compute.chunkCount(positions), columns: hidden)
        attention = FloatRows(
            rows: compute.pool.threadCount,
            columns: compute.table.attention_scratch(shape.length, configuration.headDimension))
    }
}
