import OuroKernels

extension ModelConfiguration {
    /// Rows of the query, key and value projections that belong to one KV head.
    package var attentionRowsInTurn: [Int] {
        [headCount / keyValueHeadCount * headDimension, headDimension, headDimension]
    }
}

/// The weights of one layer, in the order of their use.
package struct LayerWeights: Sendable {
    package let inputNorm: [Float]
    /// For each KV head in turn: the rows of the queries that share it, of the key, and of the value.
    package let queryKeyValue: PackedMatrix
    package let attentionOutput: PackedMatrix
    package let attentionNorm: [Float]
    package let mlpInputNorm: [Float]
    /// Alternating panels of gate and up.
    package let gateUp: PackedMatrix
    package let down: PackedMatrix
    package let mlpNorm: [Float]

    package init(
        inputNorm: [Float], queryKeyValue: PackedMatrix, attentionOutput: PackedMatrix, attentionNorm: [Float],
        mlpInputNorm: [Float], gateUp: PackedMatrix, down: PackedMatrix, mlpNorm: [Float]
    ) {
        self.inputNorm = inputNorm
        self.queryKeyValue = queryKeyValue
        self.attentionOutput = attentionOutput
        self.attentionNorm = attentionNorm
        self.mlpInputNorm = mlpInputNorm
        self.gateUp = gateUp
        self.down = down
        self.mlpNorm = mlpNorm
    }
}

/// All weights of a model. Matrices are packed for the kernels. The embedding is read from the mapped file.
package struct ModelWeights: Sendable {
    package let embedding: EmbeddingTable
    /// A layer may be replaced by a quantised one.
    package var layers: [LayerWeights]
    package let finalNorm: [Float]
    package let gate: [Float]
    package let gateBias: Float
    package let head: PackedMatrix

    package init(
        embedding: EmbeddingTable, layers: [LayerWeights], finalNorm: [Float], gate: [Float], gateBias: Float,
        head: PackedMatrix
    ) {
        self.embedding = embedding
        self.layers = layers
        self.finalNorm = finalNorm
        self.gate = gate
        self.gateBias = gateBias
        self.head = head
    }

    /// Packs the weights of a checkpoint. It releases the pages of the file after use, so that little more than one
    /// copy is in memory at any time.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` if the model has another plan than Ouro's. The code is
    ///   `invalidCheckpoint` for missing or extra tensors, wrong shapes, and scales that are not finite.
    package init(
        _ checkpoint: Checkpoint, configuration: ModelConfiguration, kernels: Kernels, pool: WorkerPool
    ) throws(OuroError) {
        try configuration.plan.requireSupported(by: "the CPU device")
        try checkpoint.validate(for: configuration)
        let names = configuration.tensorNames
        let reader = TensorReader(
            checkpoint: checkpoint, configuration: configuration, kernels: kernels, pool: pool)
        embedding = EmbeddingTable(source: try reader.source(names.embedding.name), owner: checkpoint)
        var layers: [LayerWeights] = []
        for index in 0..<configuration.layerCount {
            let layer = names.layer(index)
            layers.append(
                LayerWeights(
                    inputNorm: try reader.vector(layer.inputNorm),
                    queryKeyValue: try reader.matrix(
                        [layer.query, layer.key, layer.value], rowsInTurn: configuration.attentionRowsInTurn),
                    attentionOutput: try reader.matrix([layer.attentionOutput]),
                    attentionNorm: try reader.vector(layer.attentionNorm),
                    mlpInputNorm: try reader.vector(layer.mlpInputNorm),
                    gateUp: try reader.matrix([layer.gate, layer.up]),
                    down: try reader.matrix([layer.down]),
                    mlpNorm: try reader.vector(layer.mlpNorm)))
        }
        self.layers = layers
        finalNorm = try reader.vector(names.finalNorm.name)
        gate = try reader.vector(names.exitGate.name)
        gateBias = try reader.vector(names.exitGateBias.name)[0]
        head = try reader.matrix([names.logitMatrix(of: configuration)])
    }
}

/// The embedding. Its rows are read one at a time from the checkpoint's mapped file.
package struct EmbeddingTable: @unchecked Sendable {
    package let source: WeightSource
    /// Keeps the memory alive: the checkpoint or another owner.
    package let owner: any Sendable

    package init(source: WeightSource, owner: any Sendable) {
        self.source = source
        self.owner = owner
    }

    /// Writes the embedding of a token as f32.
    package func write(_ token: Int, to row: UnsafeMutablePointer<Float>, kernels: Kernels) {
        source.write(row: token, to: row, kernels: kernels)
    }
}

/// Reads the tensors of a validated checkpoint in the forms that the model uses.
private struct TensorReader {
    let checkpoint: Checkpoint
    let configuration: ModelConfiguration
    let kernels: Kernels
    let pool: WorkerPool

    func source(_ name: String) throws(OuroError) -> WeightSource {
        try checkpoint.source(of: name, configuration)
    }

    func vector(_ name: String) throws(OuroError) -> [Float] {
        let source = try source(name)
        return [Float](unsafeUninitializedCapacity: source.columns) { buffer, count in
            if let base = buffer.baseAddress { source.write(row: 0, to: base, kernels: kernels) }
            count = source.columns
        }
    }

    func matrix(_ names: [String], rowsInTurn: [Int]? = nil) throws(OuroError) -> PackedMatrix {
        var sources: [WeightSource] = []
        for name in names { sources.append(try source(name)) }
        let packed = PackedMatrix(sources, rowsInTurn: rowsInTurn, kernels: kernels, pool: pool)
        for name in names { checkpoint.releasePages(ofWeight: name) }
        return packed
    }
}
