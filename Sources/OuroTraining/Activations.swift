import Ouro

/// The shape of a micro-batch: sequences of equal length that are computed together.
struct MicroBatchShape: Equatable, Sendable {
    let rows: Int
    let length: Int
    var positions: Int { rows * length }
}

/// The activations of one layer at one loop that its backward pass needs.
struct LayerActivations {
    /// Output of the norm before attention: the input of queries, keys and values.
    let normed: FloatRows
    /// Queries and keys after RoPE, and values.
    let queryKeyValue: FloatRows
    /// Output of attention, before the output matrix.
    let attended: FloatRows
    /// Log-sums of the attention scores, [sequence][query head][position]. See `ouro_training_attention`.
    let logSums: FloatRows
    /// The output of attention that is added to the residual stream, before its norm.
    let attentionOutput: FloatRows
    /// The residual stream between attention and MLP.
    let middle: FloatRows
    /// Output of the norm before the MLP.
    let mlpNormed: FloatRows
    /// Gate and up of the MLP, before the activation function.
    let gateUp: FloatRows
    /// The output of the MLP that is added to the residual stream, before its norm.
    let mlpOutput: FloatRows
    /// The residual stream after the layer.
    let output: FloatRows
    /// Reciprocal root mean squares of the four norms, in the order in which the norms are used.
    let inverseRoots: FloatRows

    /// The arrays with values for every position and dimension. `CompactActivations` stores them in bf16.
    var wide: [FloatRows] {
        [output, normed, queryKeyValue, attended, attentionOutput, middle, mlpNormed, gateUp, mlpOutput]
    }
    static let outputIndex = 0
    /// The other arrays, which always stay in f32.
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

/// The activations of one loop that its backward pass needs.
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

/// Scratch memory for the computation of one layer.
struct LayerScratch {
    /// Gradient of a branch's output, later of its input. The branches are attention and the MLP.
    let branch: FloatRows
    let normed: FloatRows
    let queryKeyValue: FloatRows
    let attended: FloatRows
    let gateUp: FloatRows
    /// Output of the MLP's activation function, or its gradient.
    let activated: FloatRows
    /// Partial gradients of the weights of two norms, for every chunk of positions.
    let normPartials: FloatRows
    /// Scratch memory of the attention kernels, one row for each thread.
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
