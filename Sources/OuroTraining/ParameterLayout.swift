import Ouro

/// Where every tensor of a model lies in one array of f32: parameters, gradients and moments have the same layout.
///
/// Tensors follow each other without gaps in the order of the model, so that queries, keys and values of a layer are one
/// matrix, and gate and up another.
struct ParameterLayout: Sendable {
    struct Tensor: Sendable {
        let name: String
        let shape: [Int]
        let range: Range<Int>
        /// Weight decay is for matrices.
        var isMatrix: Bool { shape.count >= 2 }
    }

    /// Offsets of what one layer has, named as in ``LoopedTransformer``.
    struct Layer: Sendable {
        var inputNorm = 0
        var queryKeyValue = 0
        var attentionOutput = 0
        var attentionNorm = 0
        var mlpInputNorm = 0
        var gateUp = 0
        var down = 0
        var mlpNorm = 0
    }

    let tensors: [Tensor]
    let count: Int
    let layers: [Layer]
    let embedding: Int
    let finalNorm: Int
    let gate: Int
    let gateBias: Int
    /// The embedding's, if the head is tied to it.
    let head: Int
    /// Gate and bias, which follow each other.
    let gateRange: Range<Int>

    init(_ configuration: ModelConfiguration) {
        var tensors: [Tensor] = []
        var offsets: [String: Int] = [:]
        var end = 0
        for (name, shape) in Checkpoint.expectedTensors(for: configuration) {
            let count = shape.reduce(1, *)
            tensors.append(Tensor(name: name, shape: shape, range: end..<end + count))
            offsets[name] = end
            end += count
        }
        func offset(_ name: String) -> Int { offsets[name] ?? 0 }
        self.tensors = tensors
        count = end
        layers = (0..<configuration.layerCount).map { index in
            let layer = "model.layers.\(index)."
            return Layer(
                inputNorm: offset(layer + "input_layernorm.weight"),
                queryKeyValue: offset(layer + "self_attn.q_proj.weight"),
                attentionOutput: offset(layer + "self_attn.o_proj.weight"),
                attentionNorm: offset(layer + "input_layernorm_2.weight"),
                mlpInputNorm: offset(layer + "post_attention_layernorm.weight"),
                gateUp: offset(layer + "mlp.gate_proj.weight"), down: offset(layer + "mlp.down_proj.weight"),
                mlpNorm: offset(layer + "post_attention_layernorm_2.weight"))
        }
        embedding = offset("model.embed_tokens.weight")
        finalNorm = offset("model.norm.weight")
        gate = offset("model.early_exit_gate.weight")
        gateBias = offset("model.early_exit_gate.bias")
        head = offset(configuration.tiesWordEmbeddings ? "model.embed_tokens.weight" : Checkpoint.headName)
        gateRange = gate..<gateBias + 1
    }

    func tensor(_ name: String) -> Tensor? { tensors.first { $0.name == name } }
}

/// One value for every parameter, in a ``ParameterLayout``.
struct ParameterArray: @unchecked Sendable {
    let count: Int
    private let memory: AlignedMemory

    init(count: Int) {
        self.count = count
        memory = AlignedMemory(byteCount: count * MemoryLayout<Float>.stride)
    }

    var base: UnsafeMutablePointer<Float> { memory.base.assumingMemoryBound(to: Float.self) }

    /// A matrix at an offset, whose rows follow each other.
    func matrix(at offset: Int, columns: Int) -> MatrixView { MatrixView(base: base + offset, stride: columns) }

    func values(_ range: Range<Int>) -> [Float] {
        Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    func clear() { base.update(repeating: 0, count: count) }
}
