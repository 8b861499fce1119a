import Ouro
import OuroKernels

/// The element type of a model's weights in memory.
package enum WeightType: String, Sendable, CaseIterable {
    case f32
    case bf16
    /// 8-bit codes in affine groups of 64, with scales and biases in bf16.
    case q8
    /// 4-bit codes in affine groups of 64, with scales and biases in bf16.
    case q4

    var format: MatrixFormat {
        switch self {
        case .f32: .values(OURO_F32)
        case .bf16: .values(OURO_BF16)
        case .q8: .groups(bits: 8, groupSize: 64, scaleElement: OURO_BF16)
        case .q4: .groups(bits: 4, groupSize: 64, scaleElement: OURO_BF16)
        }
    }
}

extension ModelWeights {
    /// Makes random weights for benchmarks. They are uniform within +-sqrt(3 / inputs), so that activations stay in
    /// range at any depth.
    ///
    /// With 4-bit weights the head has 8 bits, as with `ouro quantize` by default.
    ///
    /// - Throws: `OuroError` with code `unsupported` if the group size does not divide a matrix's rows, or
    ///   `memoryExceeded` if the weights do not fit into memory.
    init(random type: WeightType, configuration: ModelConfiguration, pool: WorkerPool) throws(OuroError) {
        let hidden = configuration.hiddenSize
        let attention = configuration.headCount * configuration.headDimension
        let keyValue = configuration.keyValueHeadCount * configuration.headDimension
        let mlp = configuration.intermediateSize
        if case .groups(_, let size, _) = type.format {
            for inputs in [hidden, attention, mlp] where inputs % size != 0 {
                throw OuroError(
                    .unsupported, field: "weights",
                    "\(type.rawValue) needs rows of a multiple of \(size) values, found \(inputs); choose another shape"
                )
            }
        }
        let perLayer = hidden * (2 * attention + 2 * keyValue) + 3 * hidden * mlp
        let panels = configuration.layerCount * perLayer / (hidden * PackedMatrix.panel)
        let needed =
            panels * type.format.panelBytes(inputs: hidden) + 6 * hidden * configuration.vocabularySize
        guard needed < Machine.current.availableMemory else {
            throw OuroError(
                .memoryExceeded, field: "shape",
                "\(type.rawValue) weights of this shape need about \(needed >> 20) MiB, but "
                    + "\(Machine.current.availableMemory >> 20) MiB are available; choose a smaller shape or fewer bits"
            )
        }
        var seed: UInt64 = 0
        func matrix(_ inputs: Int, _ outputs: Int, _ type: WeightType) -> PackedMatrix {
            seed += 1
            return PackedMatrix(
                random: type.format, inputs: inputs,
                panelCount: (outputs + PackedMatrix.panel - 1) / PackedMatrix.panel, seed: seed, pool: pool)
        }
        let ones = [Float](repeating: 1, count: hidden)
        let layers = (0..<configuration.layerCount).map { _ in
            LayerWeights(
                inputNorm: ones, queryKeyValue: matrix(hidden, attention + 2 * keyValue, type),
                attentionOutput: matrix(attention, hidden, type), attentionNorm: ones, mlpInputNorm: ones,
                gateUp: matrix(
                    hidden, 2 * ((mlp + PackedMatrix.panel - 1) / PackedMatrix.panel) * PackedMatrix.panel, type),
                down: matrix(mlp, hidden, type), mlpNorm: ones)
        }
        let head = matrix(hidden, configuration.vocabularySize, type == .q4 ? .q8 : type)
        // The embedding is read row by row. With random values its layout does not matter, so panels can serve as rows.
        let table = PackedMatrix(
            random: .values(OURO_BF16), inputs: hidden,
            panelCount: (configuration.vocabularySize + PackedMatrix.panel - 1) / PackedMatrix.panel, seed: 0,
            pool: pool)
        let embedding = EmbeddingTable(
            source: WeightSource(
                storage: .values(table.descriptor.panels, OURO_BF16), rows: configuration.vocabularySize,
                columns: hidden), owner: table)
        self.init(
            embedding: embedding, layers: layers, finalNorm: ones, gate: [Float](repeating: 0, count: hidden),
            gateBias: 0,
            head: head)
    }

    /// Whether the block's products use 8-bit integers.
    var isQuantised: Bool { blockMatrices.contains { $0.descriptor.bits > 0 } }

    /// Every matrix of the looped block.
    var blockMatrices: [PackedMatrix] {
        layers.flatMap { [$0.queryKeyValue, $0.attentionOutput, $0.gateUp, $0.down] }
    }
}

extension PackedMatrix {
    fileprivate init(random format: MatrixFormat, inputs: Int, panelCount: Int, seed: UInt64, pool: WorkerPool) {
        self.init(format: format, inputs: inputs, panelCount: panelCount)
        let bound = (3 / Float(inputs)).squareRoot()
        let panelBytes = format.panelBytes(inputs: inputs)
        let base = UnsafeMutableRawPointer(mutating: descriptor.panels!)
        pool.forEach(panelCount) { panel, _ in
            var random = SplitMix64(state: seed << 32 | UInt64(panel))
            let out = base + panel * panelBytes
            switch format {
            case .values(OURO_F32):
                for offset in stride(from: 0, to: panelBytes, by: 4) {
                    out.storeBytes(of: random.uniform() * bound, toByteOffset: offset, as: Float.self)
                }
            case .values:
                for offset in stride(from: 0, to: panelBytes, by: 2) {
                    let bits = (random.uniform() * bound).bitPattern
                    out.storeBytes(of: UInt16(bits >> 16), toByteOffset: offset, as: UInt16.self)
                }
            case .groups(let bits, let groupSize, _):
                for offset in stride(from: 0, to: panelBytes, by: 4) {
                    out.storeBytes(of: UInt32(truncatingIfNeeded: random.next()), toByteOffset: offset, as: UInt32.self)
                }
                let scale = 2 * bound / Float(1 << bits - 1)
                let groupBytes = Self.panel * (4 + groupSize * bits / 8)
                for start in stride(from: 0, to: panelBytes, by: groupBytes) {
                    for lane in 0..<(2 * Self.panel) {
                        let value = lane < Self.panel ? scale : -bound
                        out.storeBytes(
                            of: UInt16(value.bitPattern >> 16), toByteOffset: start + lane * 2, as: UInt16.self)
                    }
                }
            }
        }
    }
}

extension SplitMix64 {
    /// A uniform random number from -1 to 1.
    fileprivate mutating func uniform() -> Float { Float(Int32(truncatingIfNeeded: next())) * 0x1p-31 }
}
