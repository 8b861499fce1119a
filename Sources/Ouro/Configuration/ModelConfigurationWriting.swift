import Foundation

extension ModelConfiguration {
    /// Returns a `config.json` from which this value can be read again. It has the fields that Transformers and vLLM
    /// need.
    ///
    /// - Parameter additions: further members, such as `transformers_version`. They replace members of the same name.
    /// - Throws: ``OuroError`` with code `invalidConfiguration` if a value is invalid. The code is `unsupported` if
    ///   layers have windows of different sizes, because the file has only one field for them.
    public func encoded(adding additions: JSONObject = [:]) throws(OuroError) -> Data {
        try validate()
        let windows = Set(slidingWindows.compactMap { $0 })
        guard windows.count <= 1 else {
            throw OuroError(
                .unsupported, file: "config.json", field: "sliding_window",
                "expected the same window in all layers that have one, found \(windows.sorted())")
        }
        var members: JSONObject = [
            "architectures": .array([.string("OuroForCausalLM")]),
            "auto_map": .object([
                "AutoConfig": .string("configuration_ouro.OuroConfig"),
                "AutoModel": .string("modeling_ouro.OuroModel"),
                "AutoModelForCausalLM": .string("modeling_ouro.OuroForCausalLM"),
            ]),
            "model_type": .string(family.rawValue),
            "hidden_act": .string("silu"),
            "vocab_size": .int(vocabularySize),
            "hidden_size": .int(hiddenSize),
            "intermediate_size": .int(intermediateSize),
            "num_hidden_layers": .int(layerCount),
            "num_attention_heads": .int(headCount),
            "num_key_value_heads": .int(keyValueHeadCount),
            "head_dim": .int(headDimension),
            "max_position_embeddings": .int(contextLength),
            "total_ut_steps": .int(loops),
            "early_exit_threshold": Self.decimal(exitThreshold),
            "rms_norm_eps": Self.decimal(rmsNormEpsilon),
            "tie_word_embeddings": .bool(tiesWordEmbeddings),
            "rope_theta": .double(rope.theta),
            "rope_scaling": rope.scaling.members,
            "use_sliding_window": .bool(!windows.isEmpty),
            "sliding_window": windows.first.map { .int($0) } ?? .null,
            "max_window_layers": .int(slidingWindows.firstIndex { $0 != nil } ?? layerCount),
            "layer_types": .array(
                slidingWindows.map { .string($0 == nil ? "full_attention" : "sliding_attention") }),
            "bos_token_id": bosTokenID.map { .int($0) } ?? .null,
            "eos_token_id": eosTokenIDs.count == 1 ? .int(eosTokenIDs[0]) : .array(eosTokenIDs.map { .int($0) }),
            "pad_token_id": padTokenID.map { .int($0) } ?? .null,
            "torch_dtype": dataType.map { .string($0) } ?? .null,
        ]
        if eosTokenIDs.isEmpty { members["eos_token_id"] = .null }
        if let quantisation {
            members[QuantisationConfiguration.field] = quantisation.members
            members[QuantisationConfiguration.copyField] = quantisation.members
        }
        return Data(JSONValue.object(members.merging(additions)).fileText.utf8)
    }

    /// The shortest decimal number that is read as the same f32.
    private static func decimal(_ value: Float) -> JSONValue { .double(Double("\(value)") ?? Double(value)) }
}

extension RopeScaling {
    /// The value of `rope_scaling`.
    fileprivate var members: JSONValue {
        switch self {
        case .default: .null
        case .linear(let factor): .object(["rope_type": .string("linear"), "factor": .double(factor)])
        case .yarn(let yarn):
            .object([
                "rope_type": .string("yarn"),
                "factor": .double(yarn.factor),
                "original_max_position_embeddings": .int(yarn.originalContextLength),
                "beta_fast": .double(yarn.betaFast),
                "beta_slow": .double(yarn.betaSlow),
                "attention_factor": .double(yarn.attentionFactor),
                "truncate": .bool(yarn.truncatesRamp),
            ])
        case .llama3(let llama3):
            .object([
                "rope_type": .string("llama3"),
                "factor": .double(llama3.factor),
                "low_freq_factor": .double(llama3.lowFrequencyFactor),
                "high_freq_factor": .double(llama3.highFrequencyFactor),
                "original_max_position_embeddings": .int(llama3.originalContextLength),
            ])
        }
    }
}
