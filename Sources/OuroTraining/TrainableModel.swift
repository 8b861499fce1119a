import Foundation
import Ouro
import OuroKernels

/// The parameters of a model and their gradients, in f32.
final class TrainableModel {
    private(set) var configuration: ModelConfiguration
    let layout: ParameterLayout
    let parameters: ParameterArray
    let gradients: ParameterArray
    /// The transposed matrices of each layer, which the forward products read.
    let transposed: TransposedWeights
    let compute: Compute

    /// Makes a model whose parameters are all zero.
    init(_ configuration: ModelConfiguration, compute: Compute) {
        self.configuration = configuration
        self.compute = compute
        layout = ParameterLayout(configuration)
        parameters = ParameterArray(count: layout.count)
        gradients = ParameterArray(count: layout.count)
        transposed = TransposedWeights(configuration)
    }

    /// Changes constants that no parameter depends on: RoPE and the number of loops.
    func use(_ configuration: ModelConfiguration) {
        precondition(ParameterLayout(configuration).count == layout.count, "another shape")
        self.configuration = configuration
    }

    /// Copies the parameters of a model with fewer layers and repeats its block, in the order of `Upcycling`.
    func upcycle(from smaller: TrainableModel) {
        let count = smaller.configuration.layerCount
        for tensor in layout.tensors {
            let name = configuration.tensorNames.name(tensor.name) { $0 % count }
            guard let source = smaller.layout.tensor(name) else { continue }
            (parameters.base + tensor.range.lowerBound).update(
                from: smaller.parameters.base + source.range.lowerBound, count: tensor.range.count)
        }
        parametersChanged()
    }

    /// All parameters, for an optimiser.
    var trainables: Trainables {
        Trainables(
            tensors: layout.tensors,
            gate: layout.tensors.filter { layout.gateRange.contains($0.range.lowerBound) }, parameters: parameters,
            gradients: gradients, compute: compute)
    }

    /// Updates the values derived from the parameters. Must be called after every change of the parameters.
    func parametersChanged() { transposed.update(from: self) }

    /// Reads the parameters of a checkpoint and widens them to f32.
    ///
    /// - Throws: `OuroError` with code `unsupported` for a layer plan other than Ouro's, or `invalidCheckpoint` for
    ///   tensors that are missing, unknown or of the wrong shape.
    func read(_ checkpoint: Checkpoint) throws(OuroError) {
        try configuration.plan.requireSupported(by: "training")
        try checkpoint.validate(for: configuration)
        for tensor in layout.tensors {
            let (bytes, info) = try checkpoint.bytes(of: tensor.name)
            let target = parameters.base + tensor.range.lowerBound
            guard let source = bytes.baseAddress else { continue }
            let element: ouro_element =
                switch info.elementType {
                case .f32: OURO_F32
                case .f16: OURO_F16
                case .bf16: OURO_BF16
                default:
                    throw OuroError(
                        .invalidCheckpoint, field: tensor.name,
                        "expected F32, F16 or BF16, found \(info.elementType.rawValue)")
                }
            compute.kernels.table.widen(element, source, tensor.range.count, target)
        }
        parametersChanged()
    }

    /// Initialises the parameters of a new model: matrices from a normal distribution, norm weights 1, gate weights 0.
    ///
    /// The paper gives no initialisation. The default deviation is `sqrt(0.8 / hidden)`, at most 0.06. For the
    /// published width it is the usual 0.02. The same seed gives the same model on every machine.
    ///
    /// - Parameters:
    ///   - seed: the seed of the random numbers.
    ///   - deviation: the standard deviation of the matrices; nil chooses it by the width.
    ///   - gateBias: the gate's bias. With 0, every loop exits with probability one half.
    func initialise(seed: UInt64, deviation: Float? = nil, gateBias: Float = 0) {
        let deviation = deviation ?? min(0.06, (0.8 / Float(configuration.hiddenSize)).squareRoot())
        for (index, tensor) in layout.tensors.enumerated() {
            let target = parameters.base + tensor.range.lowerBound
            if tensor.range.lowerBound == layout.gate || tensor.range.lowerBound == layout.gateBias {
                target.update(
                    repeating: tensor.range.lowerBound == layout.gateBias ? gateBias : 0, count: tensor.range.count)
            } else if tensor.isMatrix {
                var noise = NormalNoise(seed: seed, stream: UInt64(index))
                for offset in 0..<tensor.range.count { target[offset] = noise.next() * deviation }
            } else {
                target.update(repeating: 1, count: tensor.range.count)
            }
        }
        parametersChanged()
    }
}
