import Ouro

/// The offset of each tensor in one f32 array. Parameters, gradients and moments share this layout.
///
/// Tensors are contiguous and in the order of the model. So queries, keys and values of a layer form one matrix, and so
/// do gate and up.
struct ParameterLayout: Sendable {
    struct Tensor: Sendable {
        let name: String
        let shape: [Int]
        let range: Range<Int>
        /// Whether the tensor has two or more dimensions. Weight decay applies only to such tensors.
        var isMatrix: Bool { shape.count >= 2 }
    }

    /// Offsets of one layer's tensors. The names are those of `TensorNames.Layer`.
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
    /// Offset of the head. If the head is tied to the embedding, it is the embedding's offset.
    let head: Int
    /// The exit gate's weight and its bias, which follow each other.
    let gateRange: Range<Int>

    init(_ configuration: ModelConfiguration) {
        var tensors: [Tensor] = []
        var offsets: [String: Int] = [:]
        var end = 0
        for (name, shape) in configuration.expectedTensors {
            let count = shape.reduce(1, *)
            tensors.append(Tensor(name: name, shape: shape, range: end..<end + count))
            offsets[name] = end
            end += count
        }
        func offset(_ name: String) -> Int { offsets[name] ?? 0 }
        self.tensors = tensors
        count = end
        let names = configuration.tensorNames
        layers = (0..<configuration.layerCount).map { index in
            let layer = names.layer(index)
            return Layer(
                inputNorm: offset(layer.inputNorm),
                queryKeyValue: offset(layer.query),
                attentionOutput: offset(layer.attentionOutput),
                attentionNorm: offset(layer.attentionNorm),
                mlpInputNorm: offset(layer.mlpInputNorm),
                gateUp: offset(layer.gate), down: offset(layer.down),
                mlpNorm: offset(layer.mlpNorm))
        }
        embedding = offset(names.embedding.name)
        finalNorm = offset(names.finalNorm.name)
        gate = offset(names.exitGate.name)
        gateBias = offset(names.exitGateBias.name)
        head = offset(names.logitMatrix(of: configuration))
        gateRange = gate..<gateBias + 1
    }

    func tensor(_ name: String) -> Tensor? { tensors.first { $0.name == name } }
}

/// One f32 value for each parameter, in the order of a `ParameterLayout`.
struct ParameterArray: @unchecked Sendable {
    let count: Int
    private let memory: AlignedMemory

    init(count: Int) {
        self.count = count
        memory = AlignedMemory(byteCount: count * MemoryLayout<Float>.stride)
    }

    var base: UnsafeMutablePointer<Float> { memory.base.assumingMemoryBound(to: Float.self) }

    /// The contiguous matrix at an offset.
    func matrix(at offset: Int, columns: Int) -> MatrixView { MatrixView(base: base + offset, stride: columns) }

    func values(_ range: Range<Int>) -> [Float] {
        Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    func clear() { base.update(repeating: 0, count: count) }
}
