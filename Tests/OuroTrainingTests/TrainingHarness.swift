import Foundation
import OuroData
import Testing

@testable import Ouro
@testable import OuroTraining

/// The golden data: losses, gradients and AdamW steps of the published modelling code.
enum TrainingFixtures {
    static let cases = ["train_a_mha_seed1", "train_c_gqa_seed1", "train_e_ut6_seed1"]

    static func url(_ name: String) -> URL {
        Bundle.module.resourceURL!.appendingPathComponent("Fixtures").appendingPathComponent(name)
    }
}

/// A fixture's model with its golden tensors.
final class TrainingHarness {
    let model: TrainableModel
    let golden: SafetensorsFile
    let step: TrainingStep

    init(_ name: String, threads: Int = 2, kernels: String? = nil) throws {
        let folder = TrainingFixtures.url(name)
        let configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        model = TrainableModel(configuration, compute: try Compute(threads: threads, kernels: kernels))
        try model.read(Checkpoint(folder: folder))
        golden = try SafetensorsFile(contentsOf: folder.appendingPathComponent("golden.safetensors"))
        step = TrainingStep(model)
    }

    /// The tensor `batches[index]`. The target of every position is the next token.
    func batch(_ index: Int) throws -> TrainingBatch {
        let shape = try #require(golden.tensors["batches"]).shape
        let (rows, length) = (shape[1], shape[2])
        let ids = try golden.ints("batches")
        var batch = TrainingBatch(rows: rows, length: length)
        for row in 0..<rows {
            for position in 0..<length {
                let at = row * length + position
                batch.tokens[at] = Int32(ids[index * rows * length + at])
                if position + 1 < length { batch.targets[at] = Int32(ids[index * rows * length + at + 1]) }
            }
        }
        return batch
    }

    func settings(_ objective: Objective, microBatch: Int = 2, activations: ActivationStorage = .f32) -> StepSettings {
        StepSettings(
            loops: model.configuration.loops, objective: objective, microBatch: microBatch,
            activations: activations)
    }

    func gradients(_ batch: TrainingBatch, _ settings: StepSettings) -> StepMetrics {
        var metrics = StepMetrics(loops: settings.loops)
        step.computeGradients(batch, settings, metrics: &metrics)
        return metrics
    }

    /// Expects every tensor to agree with `prefix.<name>`. The tolerance is relative to the tensor's norm.
    func expectTensors(
        _ prefix: String, of found: ParameterArray, within tolerance: Double,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for tensor in model.layout.tensors {
            let expected = try golden.floats("\(prefix).\(tensor.name)")
            let values = found.values(tensor.range)
            try #require(values.count == expected.count)
            let norm = expected.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            let error = zip(values, expected).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
                .squareRoot()
            // A gradient that is zero in the reference must be nearly zero here.
            #expect(
                error <= tolerance * max(norm, 1e-5), "\(prefix).\(tensor.name): off by \(error), norm \(norm)",
                sourceLocation: sourceLocation)
        }
    }
}
