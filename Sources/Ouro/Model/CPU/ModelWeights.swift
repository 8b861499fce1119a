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
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` for missing, extra or misshapen tensors and for
    ///   scales that are not finite.
    init(
        _ checkpoint: Checkpoint, configuration: ModelConfiguration, kernels: Kernels, pool: WorkerPool
    ) throws(OuroError) {
        try checkpoint.validate(for: configuration)
        let reader = TensorReader(
            checkpoint: checkpoint, configuration: configuration, kernels: kernels, pool: pool)
        embedding = EmbeddingTable(source: try reader.source("model.embed_tokens.weight"), owner: checkpoint)
        var layers: [LayerWeights] = []
        for index in 0..<configuration.layerCount {
            let layer = "model.layers.\(index)."
            let attention = layer + "self_attn."
            layers.append(
                LayerWeights(
                    inputNorm: try reader.vector(layer + "input_layernorm.weight"),
                    queryKeyValue: try reader.matrix(
                        ["q_proj", "k_proj", "v_proj"].map { attention + $0 + ".weight" },
                        rowsInTurn: configuration.attentionRowsInTurn),
                    attentionOutput: try reader.matrix([attention + "o_proj.weight"]),
                    attentionNorm: try reader.vector(layer + "input_layernorm_2.weight"),
                    mlpInputNorm: try reader.vector(layer + "post_attention_layernorm.weight"),
                    gateUp: try reader.matrix(
                        [layer + "mlp.gate_proj.weight", layer + "mlp.up_proj.weight"]),
                    down: try reader.matrix([layer + "mlp.down_proj.weight"]),
                    mlpNorm: try reader.vector(layer + "post_attention_layernorm_2.weight")))
        }
        self.layers = layers
        finalNorm = try reader.vector("model.norm.weight")
        gate = try reader.vector("model.early_exit_gate.weight")
        gateBias = try reader.vector("model.early_exit_gate.bias")[0]
        head = try reader.matrix([configuration.tiesWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight"])
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
