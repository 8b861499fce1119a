import Foundation
import Ouro

/// The model that is measured, loaded or with random weights, and its threads.
///
/// Only the benchmark's own thread uses it.
final class BenchmarkModel {
    let name: String
    /// Element type of the layers' weights.
    let weightName: String?
    let configuration: ModelConfiguration
    let kernels: Kernels
    let pool: WorkerPool
    let weights: ModelWeights
    let device: CPUDevice
    /// The tokenizer; nil for random weights, and for a folder without one.
    let tokenizer: Tokenizer?
    let loadSeconds: Double

    /// Loads a model, or makes one with random weights.
    ///
    /// - Parameters:
    ///   - kvType: element type of keys and values. By default bf16, or 8 bits with quantised weights.
    ///   - overrides: changes the configuration before the model is built.
    /// - Throws: `OuroError` for the first fault of the folder or the shape.
    init(
        _ subject: Benchmark.Subject, threads: Int, kvType: KVType?, kernels: Kernels,
        clock: BenchmarkClock, overrides: (inout ModelConfiguration) -> Void = { _ in }
    ) throws(OuroError) {
        self.kernels = kernels
        pool = WorkerPool(threadCount: threads)
        let start = clock.now()
        var configuration: ModelConfiguration
        switch subject {
        case .random(let shape, let type):
            (name, weightName, tokenizer) = (shape.name, type.rawValue, nil)
            configuration = shape.configuration
            overrides(&configuration)
            weights = try ModelWeights(random: type, configuration: configuration, pool: pool)
        case .folder(let folder):
            name = folder.lastPathComponent
            configuration = try LoadedModel.configuration(of: folder, overrides: overrides)
            weights = try LoadedModel(folder: folder, configuration: configuration, kernels: kernels, pool: pool)
                .weights
            weightName = weights.blockMatrices.first?.format.name
            let file = folder.appendingPathComponent("tokenizer.json")
            tokenizer = FileManager.default.fileExists(atPath: file.path) ? try Tokenizer(contentsOf: file) : nil
        }
        self.configuration = configuration
        device = CPUDevice(
            configuration: configuration, weights: weights, kernels: kernels, pool: pool,
            kvType: kvType ?? (weights.isQuantised ? .q8 : .bf16))
        loadSeconds = clock.seconds(since: start)
    }
}
