import Foundation
import Ouro
import OuroKernels

/// The parameters of a model in f32 and their gradients.
final class TrainableModel {
    private(set) var configuration: ModelConfiguration
    let layout: ParameterLayout
    let parameters: ParameterArray
    let gradients: ParameterArray
    /// The matrices of each layer with inputs first, as the forward products read them.
    let transposed: TransposedWeights
    let compute: Compute

    /// A model whose parameters are all zero.
    init(_ configuration: ModelConfiguration, compute: Compute) {
        self.configuration = configuration
        self.compute = compute
        layout = ParameterLayout(configuration)
        parameters = ParameterArray(count: layout.count)
        gradients = ParameterArray(count: layout.count)
        transposed = TransposedWeights(configuration)
    }

    /// Changes the constants that do not change parameters: RoPE and the number of loops.
    func use(_ configuration: ModelConfiguration) {
        precondition(ParameterLayout(configuration).count == layout.count, "another shape")
        self.configuration = configuration
    }

    /// Takes the parameters of a model with fewer layers and repeats its block, in the order of ``Upcycling``.
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

    /// All parameters.
    var trainables: Trainables {
        Trainables(
            tensors: layout.tensors,
            gate: layout.tensors.filter { layout.gateRange.contains($0.range.lowerBound) }, parameters: parameters,
            gradients: gradients, compute: compute)
    }

    /// Updates what is derived from the parameters. Call it after they have changed.
    func parametersChanged() { transposed.update(from: self) }

    /// Reads the parameters of a checkpoint, widened to f32.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` for a plan other than Ouro's, `invalidCheckpoint` for missing, extra or
    ///   misshapen tensors.
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

    /// Draws the parameters of a new model: matrices from a normal distribution, norms one, the gate zero with a bias.
    ///
    /// The paper gives no initialisation. Matrices get the usual deviation of 0.02 for the published width, wider for
    /// narrower models: sqrt(0.8 / hidden), at most 0.06. The same seed gives the same model on any machine.
    ///
    /// - Parameters:
    ///   - gateBias: 0 makes every loop leave with probability one half.
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
