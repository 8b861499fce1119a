extension Checkpoint {
    /// The tensors that make up a model, in the order of the model: name and shape.
    ///
    /// A matrix of `outputs` times `inputs` maps a row vector x to x W^T, as PyTorch's `Linear`. Names are those of the
    /// published checkpoints. A size that does not fit 64 bits becomes `Int.max`.
    ///
    /// - Parameters:
    ///   - configuration: a validated configuration; the list has eleven entries for each of its layers.
    package static func expectedTensors(for configuration: ModelConfiguration) -> [(name: String, shape: [Int])] {
        let hidden = configuration.hiddenSize
        let inner = configuration.intermediateSize
        let vocabulary = configuration.vocabularySize
        let queries = product(configuration.headCount, configuration.headDimension)
        let keys = product(configuration.keyValueHeadCount, configuration.headDimension)
        var tensors: [(name: String, shape: [Int])] = [(embeddingName, [vocabulary, hidden])]
        for index in 0..<max(configuration.layerCount, 0) {
            let layer = "model.layers.\(index)."
            tensors += [
                (layer + "input_layernorm.weight", [hidden]),
                (layer + "self_attn.q_proj.weight", [queries, hidden]),
                (layer + "self_attn.k_proj.weight", [keys, hidden]),
                (layer + "self_attn.v_proj.weight", [keys, hidden]),
                (layer + "self_attn.o_proj.weight", [hidden, queries]),
                (layer + "input_layernorm_2.weight", [hidden]),
                (layer + "post_attention_layernorm.weight", [hidden]),
                (layer + "mlp.gate_proj.weight", [inner, hidden]),
                (layer + "mlp.up_proj.weight", [inner, hidden]),
                (layer + "mlp.down_proj.weight", [hidden, inner]),
                (layer + "post_attention_layernorm_2.weight", [hidden]),
            ]
        }
        tensors += [
            ("model.norm.weight", [hidden]),
            (gateModule + ".weight", [1, hidden]),
            (gateModule + ".bias", [1]),
        ]
        if !configuration.tiesWordEmbeddings { tensors.append((headName, [vocabulary, hidden])) }
        return tensors
    }

    static let tensorsPerLayer = 11
    static let embeddingName = "model.embed_tokens.weight"
    package static let headName = "lm_head.weight"
    static let gateModule = "model.early_exit_gate"

    private static func product(_ a: Int, _ b: Int) -> Int {
        let (product, overflows) = a.multipliedReportingOverflow(by: b)
        return overflows ? .max : product
    }
}
