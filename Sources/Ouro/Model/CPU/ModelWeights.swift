import OuroKernels

extension ModelConfiguration {
    /// Rows of the projections of queries, keys and values that a KV head has.
    var attentionRowsInTurn: [Int] {
        [headCount / keyValueHeadCount * headDimension, headDimension, headDimension]
    }
}

/// The weights of one layer, in the order they are used.
struct LayerWeights: Sendable {
    let inputNorm: [Float]
    /// Of every KV head in turn: the queries that share it, the key, the value.
    let queryKeyValue: PackedMatrix
    let attentionOutput: PackedMatrix
    let attentionNorm: [Float]
    let mlpInputNorm: [Float]
    /// Panels of gate and up in turn.
    let gateUp: PackedMatrix
    let down: PackedMatrix
    let mlpNorm: [Float]
}

/// All weights of a model: matrices packed for the kernels, the embedding read where the file has it.
package struct ModelWeights: Sendable {
    let embedding: EmbeddingTable
    /// Layers may be replaced one by one by quantised ones.
    var layers: [LayerWeights]
    let finalNorm: [Float]
    let gate: [Float]
    let gateBias: Float
    let head: PackedMatrix

    /// Packs a checkpoint's weights, giving back the file's pages as they are consumed, so that hardly more than one copy
    /// is ever resident.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` for a plan other than Ouro's; `invalidCheckpoint` for missing, extra
    ///   or misshapen tensors and for scales that are not finite.
    init(
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

/// The embedding, read from the checkpoint's mapped file a row at a time.
struct EmbeddingTable: @unchecked Sendable {
    let source: WeightSource
    /// Keeps the memory alive: the checkpoint, or whatever else holds it.
    let owner: any Sendable

    func write(_ token: Int, to row: UnsafeMutablePointer<Float>, kernels: Kernels) {
        source.write(row: token, to: row, kernels: kernels)
    }
}

/// Reads tensors of a validated checkpoint into the forms the model uses.
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
