/// The names and shapes of all tensors in the checkpoints of one model family.
///
/// Reading, writing, training, quantisation and adapters take tensor names from this table. No other file spells them.
package struct TensorNames: Sendable {
    /// A size that occurs in shapes. The configuration gives its value.
    package enum Size: Sendable {
        /// 1.
        case one
        /// Values of a hidden state.
        case hidden
        /// Values of the hidden layer of the MLP.
        case inner
        /// Values of all query heads together.
        case queries
        /// Values of all key heads together. All value heads together have the same number.
        case keys
        /// Tokens of the vocabulary.
        case vocabulary

        /// The value of the size. A product that does not fit into 64 bits becomes `Int.max`.
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

    /// The name and shape of a tensor. A matrix [outputs, inputs] maps a row vector x to x W^T, like PyTorch's
    /// `Linear`.
    package struct Entry: Sendable {
        package let name: String
        package let shape: [Size]

        fileprivate init(_ name: String, _ shape: [Size]) {
            (self.name, self.shape) = (name, shape)
        }

        /// The last part of the module's name, as in PEFT's `target_modules`: `q_proj`.
        package var target: String {
            let parts = name.split(separator: ".")
            return parts.dropLast().last.map(String.init) ?? name
        }
    }

    /// The tensors of one layer. Their names lack the prefix of the layer.
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

        /// All tensors, in the order of the model.
        ///
        /// Queries, keys and values are adjacent, and so are gate and up: a parameter layout treats each group as one
        /// matrix.
        package var entries: [Entry] {
            [
                inputNorm, query, key, value, attentionOutput, attentionNorm, mlpInputNorm, gate, up, down, mlpNorm,
            ]
        }

        /// The tensors with two dimensions.
        package var matrices: [Entry] { entries.filter { $0.shape.count == 2 } }
    }

    /// The full names of one layer's tensors. Its members have the names of the members of `Layer`.
    @dynamicMemberLookup
    package struct LayerNames {
        fileprivate let prefix: String
        fileprivate let layer: Layer

        /// The full name of a tensor.
        package subscript(dynamicMember member: KeyPath<Layer, Entry>) -> String {
            prefix + layer[keyPath: member].name
        }
    }

    package let embedding: Entry
    /// The prefix of a layer is this text, the number of the layer, and a dot.
    private let layerPrefix: String
    /// The tensors of a layer.
    package let layer: Layer
    package let finalNorm: Entry
    package let exitGate: Entry
    package let exitGateBias: Entry
    /// Missing in a checkpoint whose head is tied to the embedding.
    package let head: Entry
    /// Tensors of a layer that old exporters wrote. Every reader ignores them.
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
            // The published name is misleading: this norm comes before the MLP.
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

    /// The name of the matrix that computes the logits. It is the embedding's if the head is tied to the embedding.
    package func logitMatrix(of configuration: ModelConfiguration) -> String {
        configuration.tiesWordEmbeddings ? embedding.name : head.name
    }

    /// The number of the layer that a tensor belongs to; nil if it belongs to none.
    package func layer(of name: String) -> Int? { split(name)?.layer }

    /// The name of the same tensor in another layer. The name of a tensor outside all layers does not change.
    ///
    /// `renumber` maps the number of a layer to that of the other layer.
    package func name(_ name: String, renumber: (Int) -> Int) -> String {
        guard let (layer, rest) = split(name) else { return name }
        return prefix(of: renumber(layer)) + rest
    }

    /// Whether a checkpoint may contain a tensor that the model does not use.
    ///
    /// This holds for the head if it is tied to the embedding, and for the tensors of old exporters.
    func isIgnored(_ name: String, _ configuration: ModelConfiguration) -> Bool {
        if name == head.name { return configuration.tiesWordEmbeddings }
        return split(name).map { ignoredInLayer.contains(String($0.rest)) } ?? false
    }

    private func prefix(of layer: Int) -> String { "\(layerPrefix)\(layer)." }

    /// The number of a tensor's layer, and the tensor's name without the prefix of the layer.
    private func split(_ name: String) -> (layer: Int, rest: Substring)? {
        guard name.hasPrefix(layerPrefix) else { return nil }
        let tail = name.dropFirst(layerPrefix.count)
        let digits = tail.prefix { $0.isASCII && $0.isNumber }
        let rest = tail.dropFirst(digits.count)
        guard let layer = Int(digits), rest.first == "." else { return nil }
        return (layer, rest.dropFirst())
    }

    /// The tensors of a model, in the order of the model.
    ///
    /// The configuration must be valid, because the length of the list grows with the number of layers.
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
    /// The tensors that the checkpoint of the model must have, in the order of the model.
    ///
    /// The configuration must be valid, because the length of the list grows with the number of layers.
    package var expectedTensors: [(name: String, shape: [Int])] { tensorNames.tensors(of: self) }
}
