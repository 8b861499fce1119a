/// What becomes of every tensor of a model.
struct QuantisationPlan {
    struct Entry {
        let name: String
        let shape: [Int]
        /// Nil: the tensor is copied.
        let setting: QuantisationSetting?
    }

    /// In the order of the model.
    let entries: [Entry]
    /// Weights that were to be quantised but have rows that are not whole groups.
    let skipped: [String]
    let configuration: QuantisationConfiguration

    init(_ options: QuantisationOptions, for model: ModelConfiguration) {
        var entries: [Entry] = []
        var skipped: [String] = []
        let standard = QuantisationSetting(bits: options.bits, groupSize: options.groupSize)
        var exceptions: [String: QuantisationConfiguration.Exception] = [:]
        for (name, shape) in Checkpoint.expectedTensors(for: model) {
            let setting = options.setting(of: name, shape: shape)
            entries.append(Entry(name: name, shape: shape, setting: setting))
            guard shape.count == 2, setting != standard else { continue }
            exceptions[Checkpoint.module(of: name)] = setting.map { .setting($0) } ?? .unquantised
            if setting == nil, options.bits(of: name) != nil { skipped.append(name) }
        }
        self.entries = entries
        self.skipped = skipped
        configuration = QuantisationConfiguration(standard: standard, exceptions: exceptions)
    }

    func setting(of weight: String) -> QuantisationSetting? { entries.first { $0.name == weight }?.setting }

    /// The tensors to write, in order.
    func declarations(_ checkpoint: Checkpoint) -> [TensorDeclaration] {
        entries.flatMap { entry -> [TensorDeclaration] in
            let type = checkpoint.tensors[entry.name]?.elementType ?? .f32
            guard let setting = entry.setting else {
                return [TensorDeclaration(name: entry.name, elementType: type, shape: entry.shape)]
            }
            return Checkpoint.quantisedParts(of: entry.name, shape: entry.shape, setting).map {
                TensorDeclaration(name: $0.name, elementType: $0.content == .words ? .u32 : type, shape: $0.shape)
            }
        }
    }

    /// The weights of a layer that share an input, as the model packs them.
    static func weights(_ input: LayerInput, layer: Int) -> [String] {
        let names =
            switch input {
            case .attention: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
            case .attentionOutput: ["self_attn.o_proj"]
            case .mlp: ["mlp.gate_proj", "mlp.up_proj"]
            case .down: ["mlp.down_proj"]
            }
        return names.map { "model.layers.\(layer).\($0).weight" }
    }
}

extension ModelConfiguration {
    /// Values of one of a layer's inputs.
    func width(of input: LayerInput) -> Int {
        switch input {
        case .attention, .mlp: hiddenSize
        case .attentionOutput: headCount * headDimension
        case .down: intermediateSize
        }
    }
}
