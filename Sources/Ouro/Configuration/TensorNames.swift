/// The names and shapes of all tensors in the checkpoints of one architecture.
///
/// Reading, writing, training, quantisation and adapters take names from this table. No other file has one.
package struct TensorNames: Sendable {
    /// A size that shapes are made of. Its value is the configuration's.
    package enum Size: Sendable {
        case one
        /// Values of a hidden state.
        case hidden
        /// Values inside the MLP.
        case inner
        /// Values of all query heads together.
        case queries
        /// Values of all key heads together; value heads have as many.
        case keys
        case vocabulary

        /// What does not fit 64 bits becomes `Int.max`.
        fileprivate func count(_ configuration: ModelConfiguration) -> Int {
            func product(_ a: Int, _ b: Int) -> Int {
                let (product, overflows) = a.multipliedReportingOverflow(by: b)
                return overflows ? .max : product
            }
            return switch self {
            case .one: 1
            case .hidden: configuration.hiddenSize
            case .inner: configuration.intermediateSize
            case .queries: product(configuration.headCount, configuration.headDimension)
            case .keys: product(configuration.keyValueHeadCount, configuration.headDimension)
            case .vocabulary: configuration.vocabularySize
            }
        }
    }

    /// A line of the table. A matrix of [outputs, inputs] maps a row vector x to x W^T, as PyTorch's `Linear`.
    package struct Entry: Sendable {
        package let name: String
        package let shape: [Size]

        fileprivate init(_ name: String, _ shape: [Size]) {
            (self.name, self.shape) = (name, shape)
        }

        /// The last part of the module's name, as PEFT's `target_modules` has it: `q_proj`.
        package var target: String {
            let parts = name.split(separator: ".")
            return parts.dropLast().last.map(String.init) ?? name
        }
    }

    /// The tensors of one layer. Names lack the layer's prefix.
    package struct Layer: Sendable {
        package let inputNorm: Entry
        package let query: Entry
        package let key: Entry
        package let value: Entry
        package let attentionOutput: Entry
        package let attentionNorm: Entry
        package let mlpInputNorm: Entry
        package let gate: Entry
        package let up: Entry
        package let down: Entry
        package let mlpNorm: Entry

        /// All of them, in the order of the model. Queries, keys and values follow each other, and so do gate and up: a
        /// layout of parameters takes each group as one matrix.
        package var entries: [Entry] {
            [
                inputNorm, query, key, value, attentionOutput, attentionNorm, mlpInputNorm, gate, up, down, mlpNorm,
            ]
        }

        package var matrices: [Entry] { entries.filter { $0.shape.count == 2 } }
    }

    /// The full names of one layer's tensors, by the names of ``Layer``'s members.
    @dynamicMemberLookup
    package struct LayerNames {
        fileprivate let prefix: String
        fileprivate let layer: Layer

        package subscript(dynamicMember member: KeyPath<Layer, Entry>) -> String {
            prefix + layer[keyPath: member].name
        }
    }

    package let embedding: Entry
    /// What a layer's number follows; the number and a dot stand before the names of ``layer``.
    private let layerPrefix: String
    package let layer: Layer
    package let finalNorm: Entry
    package let exitGate: Entry
    package let exitGateBias: Entry
    /// Absent from a checkpoint whose head is tied to the embedding.
    package let head: Entry
    /// Tensors of a layer that old exporters wrote and that every reader ignores.
    private let ignoredInLayer: [String]

    /// The names of ByteDance's published checkpoints.
    package static let ouro = TensorNames(
        embedding: Entry("model.embed_tokens.weight", [.vocabulary, .hidden]),
        layerPrefix: "model.layers.",
        layer: Layer(
            inputNorm: Entry("input_layernorm.weight", [.hidden]),
            query: Entry("self_attn.q_proj.weight", [.queries, .hidden]),
            key: Entry("self_attn.k_proj.weight", [.keys, .hidden]),
            value: Entry("self_attn.v_proj.weight", [.keys, .hidden]),
            attentionOutput: Entry("self_attn.o_proj.weight", [.hidden, .queries]),
            attentionNorm: Entry("input_layernorm_2.weight", [.hidden]),
            // The published name misleads: this norm stands before the MLP.
            mlpInputNorm: Entry("post_attention_layernorm.weight", [.hidden]),
            gate: Entry("mlp.gate_proj.weight", [.inner, .hidden]),
            up: Entry("mlp.up_proj.weight", [.inner, .hidden]),
            down: Entry("mlp.down_proj.weight", [.hidden, .inner]),
            mlpNorm: Entry("post_attention_layernorm_2.weight", [.hidden])),
        finalNorm: Entry("model.norm.weight", [.hidden]),
        exitGate: Entry("model.early_exit_gate.weight", [.one, .hidden]),
        exitGateBias: Entry("model.early_exit_gate.bias", [.one]),
        head: Entry("lm_head.weight", [.vocabulary, .hidden]),
        ignoredInLayer: ["self_attn.rotary_emb.inv_freq"])

    /// The names of one layer's tensors.
    package func layer(_ index: Int) -> LayerNames { LayerNames(prefix: prefix(of: index), layer: layer) }

    /// The name of the matrix that gives the logits: the embedding's, if the head is tied to it.
    package func logitMatrix(of configuration: ModelConfiguration) -> String {
        configuration.tiesWordEmbeddings ? embedding.name : head.name
    }

    /// The number of a tensor's layer; nil if the tensor is no layer's.
    package func layer(of name: String) -> Int? { split(name)?.layer }

    /// The name of the same tensor in another layer. A name that is no layer's comes back as it is.
    ///
    /// - Parameters:
    ///   - renumber: gives the other layer's number for a layer's number.
    package func name(_ name: String, renumber: (Int) -> Int) -> String {
        guard let (layer, rest) = split(name) else { return name }
        return prefix(of: renumber(layer)) + rest
    }

    /// Whether a checkpoint may have a tensor that the model does not use: the head, if it is tied to the embedding, and
    /// what old exporters wrote.
    func isIgnored(_ name: String, _ configuration: ModelConfiguration) -> Bool {
        if name == head.name { return configuration.tiesWordEmbeddings }
        return split(name).map { ignoredInLayer.contains(String($0.rest)) } ?? false
    }

    private func prefix(of layer: Int) -> String { "\(layerPrefix)\(layer)." }

    /// The number of a tensor's layer, and the name without the layer's prefix.
    private func split(_ name: String) -> (layer: Int, rest: Substring)? {
        guard name.hasPrefix(layerPrefix) else { return nil }
        let tail = name.dropFirst(layerPrefix.count)
        let digits = tail.prefix { $0.isASCII && $0.isNumber }
        let rest = tail.dropFirst(digits.count)
        guard let layer = Int(digits), rest.first == "." else { return nil }
        return (layer, rest.dropFirst())
    }

    /// The tensors that make up a model, in the order of the model.
    ///
    /// - Parameters:
    ///   - configuration: a validated configuration; the list has an entry for each tensor of each of its layers.
    fileprivate func tensors(of configuration: ModelConfiguration) -> [(name: String, shape: [Int])] {
        func shape(_ entry: Entry) -> [Int] { entry.shape.map { $0.count(configuration) } }
        var tensors = [(name: embedding.name, shape: shape(embedding))]
        let layerEntries = layer.entries.map { (name: $0.name, shape: shape($0)) }
        for index in 0..<max(configuration.layerCount, 0) {
            let prefix = prefix(of: index)
            tensors += layerEntries.map { (prefix + $0.name, $0.shape) }
        }
        tensors += [finalNorm, exitGate, exitGateBias].map { ($0.name, shape($0)) }
        if !configuration.tiesWordEmbeddings { tensors.append((head.name, shape(head))) }
        return tensors
    }
}

extension ModelConfiguration {
    /// The tensors that the model's checkpoint must have, in the order of the model.
    ///
    /// The configuration must be valid: the list is as long as its number of layers says.
    package var expectedTensors: [(name: String, shape: [Int])] { tensorNames.tensors(of: self) }
}
