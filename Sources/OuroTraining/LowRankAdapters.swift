import Foundation
import Ouro

extension Recipe.LoraSettings {
    /// The matrices that get adapters.
    func matrices(of layout: ParameterLayout) -> [ParameterLayout.Tensor] {
        layout.tensors.filter { tensor in
            tensor.isMatrix && targets.contains { tensor.name.hasSuffix(".\($0).weight") }
        }
    }
}

/// Low-rank adapters (LoRA, arXiv 2106.09685) for some matrices of a frozen model.
///
/// The model's matrices hold W + s B A, so the forward and the backward pass are the same as without adapters. Then the
/// gradients of the factors follow from the gradient G of the whole matrix: `dB = s G A^T` and `dA = s B^T G`. Only A
/// and B have moments.
final class LowRankAdapters {
    /// Identifies the model that the adapters belong to, so that resuming can check it.
    struct Base: Equatable {
        let path: String
        let fingerprint: String
    }

    /// A matrix of the model, and the ranges of its factors in the arrays of `trainables`.
    private struct Matrix {
        let tensor: ParameterLayout.Tensor
        let a: ParameterLayout.Tensor
        let b: ParameterLayout.Tensor
        /// Offset of the matrix's own values in `frozen`.
        let start: Int

        var outputs: Int { tensor.shape[0] }
        var inputs: Int { tensor.shape[1] }
    }

    let settings: Recipe.LoraSettings
    let base: Base
    let trainables: Trainables
    private let model: TrainableModel
    private let matrices: [Matrix]
    /// The frozen values W of the adapted matrices.
    private let frozen: ParameterArray

    private var scale: Float { Float(settings.alpha) / Float(settings.rank) }

    /// Makes adapters that do not change the model yet. A is uniform within +-1 / sqrt(inputs), as in PEFT, and B is
    /// zero.
    ///
    /// - Parameters:
    ///   - model: the model with its frozen parameters.
    ///   - settings: rank, alpha and target matrices.
    ///   - seed: the seed of the random numbers.
    ///   - path: the folder that the model was read from.
    init(_ model: TrainableModel, settings: Recipe.LoraSettings, seed: UInt64, path: String) {
        self.model = model
        self.settings = settings
        base = Base(path: path, fingerprint: Self.fingerprint(model.parameters))
        var matrices: [Matrix] = []
        var (end, frozenEnd) = (0, 0)
        for tensor in settings.matrices(of: model.layout) {
            func factor(_ name: String, _ shape: [Int]) -> ParameterLayout.Tensor {
                defer { end += shape[0] * shape[1] }
                return .init(name: "\(tensor.name).\(name)", shape: shape, range: end..<end + shape[0] * shape[1])
            }
            let a = factor("lora_A", [settings.rank, tensor.shape[1]])
            let b = factor("lora_B", [tensor.shape[0], settings.rank])
            matrices.append(Matrix(tensor: tensor, a: a, b: b, start: frozenEnd))
            frozenEnd += tensor.range.count
        }
        self.matrices = matrices
        frozen = ParameterArray(count: frozenEnd)
        trainables = Trainables(
            tensors: matrices.flatMap { [$0.a, $0.b] }, gate: [], parameters: ParameterArray(count: end),
            gradients: ParameterArray(count: end), compute: model.compute)
        for (index, matrix) in matrices.enumerated() {
            (frozen.base + matrix.start).update(
                from: model.parameters.base + matrix.tensor.range.lowerBound, count: matrix.tensor.range.count)
            var random = UniformNoise(seed: seed, stream: UInt64(index))
            let bound = 1 / Float(matrix.inputs).squareRoot()
            let a = trainables.parameters.base + matrix.a.range.lowerBound
            for offset in 0..<matrix.a.range.count { a[offset] = random.next() * bound }
        }
    }

    /// Checks that the model is the one that a checkpoint's adapters belong to.
    ///
    /// - Throws: `OuroError` with code `invalidCheckpoint` if it is not.
    func check(_ saved: Base) throws(OuroError) {
        guard saved.fingerprint == base.fingerprint else {
            throw OuroError(
                .invalidCheckpoint, file: saved.path,
                "this is not the model that the training began with; restore that model, or start a new training")
        }
    }

    /// Sets the model's matrices to W + s B A.
    func merge() {
        let rank = settings.rank
        for matrix in matrices {
            let (inputs, outputs) = (matrix.inputs, matrix.outputs)
            let sum = model.parameters.base + matrix.tensor.range.lowerBound
            sum.update(from: frozen.base + matrix.start, count: matrix.tensor.range.count)
            let (a, b) = (parameters(matrix.a), parameters(matrix.b))
            let (table, scale) = (model.compute.table, scale)
            model.compute.pool.forEach(outputs) { output, _ in
                for index in 0..<rank {
                    table.add_scaled(
                        sum + output * inputs, a + index * inputs, scale * b[output * rank + index], inputs)
                }
            }
        }
        model.parametersChanged()
    }

    /// Computes the gradients of the factors from the gradients of the model's matrices.
    func projectGradients() {
        trainables.gradients.clear()
        let rank = settings.rank
        for matrix in matrices {
            let (inputs, outputs) = (matrix.inputs, matrix.outputs)
            let gradient = model.gradients.base + matrix.tensor.range.lowerBound
            let (a, b) = (parameters(matrix.a), parameters(matrix.b))
            let (gradientA, gradientB) = (gradients(matrix.a), gradients(matrix.b))
            let (table, kernels, scale) = (model.compute.table, model.compute.kernels, scale)
            // A row of dB for every output and a row of dA for every rank. Each is summed in a fixed order.
            model.compute.pool.forEach(outputs) { output, _ in
                for index in 0..<rank {
                    gradientB[output * rank + index] =
                        scale * kernels.table.dot(gradient + output * inputs, a + index * inputs, inputs)
                }
            }
            model.compute.pool.forEach(rank) { index, _ in
                for output in 0..<outputs {
                    table.add_scaled(
                        gradientA + index * inputs, gradient + output * inputs, scale * b[output * rank + index],
                        inputs)
                }
            }
        }
    }

    /// Writes the adapters in PEFT's format.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`.
    func write(to folder: URL) throws(OuroError) {
        var factors: ExactDictionary<Adapter.Factors> = [:]
        for matrix in matrices {
            factors[matrix.tensor.name] = Adapter.Factors(
                a: trainables.parameters.values(matrix.a.range), b: trainables.parameters.values(matrix.b.range),
                inputs: matrix.inputs, outputs: matrix.outputs)
        }
        try Adapter.write(
            to: folder, rank: settings.rank, alpha: settings.alpha, targets: settings.targets, base: base.path,
            factors: factors)
    }

    private func parameters(_ tensor: ParameterLayout.Tensor) -> UnsafeMutablePointer<Float> {
        trainables.parameters.base + tensor.range.lowerBound
    }

    private func gradients(_ tensor: ParameterLayout.Tensor) -> UnsafeMutablePointer<Float> {
        trainables.gradients.base + tensor.range.lowerBound
    }

    /// The hash of the bits of all values, in steps of 32 bits.
    private static func fingerprint(_ parameters: ParameterArray) -> String {
        var hash = FNV1a()
        for index in 0..<parameters.count { hash.add(parameters.base[index].bitPattern) }
        return String(hash.value, radix: 16)
    }
}
