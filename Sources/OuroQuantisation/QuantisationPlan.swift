import Ouro

/// How each tensor of a model is stored after quantisation.
struct QuantisationPlan {
    struct Entry {
        let name: String
        let shape: [Int]
        /// How the tensor is quantised; nil if it is copied.
        let setting: QuantisationSetting?
    }

    /// The entries, in the order of the model.
    let entries: [Entry]
    /// Weights that the options would quantise, but whose rows the group size does not divide.
    let skipped: [String]
    let configuration: QuantisationConfiguration
    private let names: TensorNames

    init(_ options: QuantisationOptions, for model: ModelConfiguration) {
        var entries: [Entry] = []
        var skipped: [String] = []
        let standard = QuantisationSetting(bits: options.bits, groupSize: options.groupSize)
        var exceptions: ExactDictionary<QuantisationConfiguration.Exception> = [:]
        names = model.tensorNames
        for (name, shape) in model.expectedTensors {
            let setting = options.setting(of: name, shape: shape, in: names)
            entries.append(Entry(name: name, shape: shape, setting: setting))
            guard shape.count == 2, setting != standard else { continue }
            exceptions[Checkpoint.module(of: name)] = setting.map { .setting($0) } ?? .unquantised
            if setting == nil, options.bits(of: name, in: names) != nil { skipped.append(name) }
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

    /// The names of a layer's weights with the same input, in the order in which the model packs them.
    func weights(_ input: LayerInput, layer index: Int) -> [String] {
        let layer = names.layer(index)
        return switch input {
        case .attention: [layer.query, layer.key, layer.value]
        case .attentionOutput: [layer.attentionOutput]
        case .mlp: [layer.gate, layer.up]
        case .down: [layer.down]
        }
    }
}

extension ModelConfiguration {
    /// The number of values of a layer's input.
    func width(of input: LayerInput) -> Int {
        switch input {
        case .attention, .mlp: hiddenSize
        case .attentionOutput: headCount * headDimension
        case .down: intermediateSize
        }
    }
}
