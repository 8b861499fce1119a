import Foundation

/// A model folder, loaded for the CPU: configuration, packed weights, kernels and threads.
///
/// The engine, quantisation, comparison and measurement all load models with it.
package struct LoadedModel {
    package let configuration: ModelConfiguration
    package let checkpoint: Checkpoint
    package let weights: ModelWeights
    package let kernels: Kernels
    package let pool: WorkerPool

    /// Reads and checks the weights of a folder.
    ///
    /// - Parameters:
    ///   - folder: the model folder.
    ///   - configuration: by default, that of the folder.
    ///   - kernels: the kernels to use.
    ///   - pool: the threads to use.
    ///   - mapped: whether to map the files instead of reading them into memory.
    ///   - adapter: the folder of a LoRA adapter to merge into the weights.
    /// - Throws: ``OuroError`` with the file and field of the first fault.
    package init(
        folder: URL, configuration: ModelConfiguration? = nil, kernels: Kernels, pool: WorkerPool, mapped: Bool = true,
        adapter: URL? = nil
    ) throws(OuroError) {
        if let configuration {
            self.configuration = configuration
        } else {
            self.configuration = try Self.configuration(of: folder)
        }
        var checkpoint = try Checkpoint(folder: folder, mapped: mapped)
        if let adapter { checkpoint = try checkpoint.merging(Adapter(contentsOf: adapter), kernels: kernels) }
        self.checkpoint = checkpoint
        weights = try ModelWeights(checkpoint, configuration: self.configuration, kernels: kernels, pool: pool)
        self.kernels = kernels
        self.pool = pool
    }

    /// Reads the configuration of a folder, applies `overrides`, and validates the result.
    package static func configuration(
        of folder: URL, overrides: (inout ModelConfiguration) -> Void = { _ in }
    ) throws(OuroError) -> ModelConfiguration {
        var configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        overrides(&configuration)
        try configuration.validate(file: "config.json")
        return configuration
    }

    /// Makes a device with these weights and a cache of its own.
    ///
    /// - Parameters:
    ///   - kvType: the type of stored keys and values. By default, ``KVType/default(for:)``.
    ///   - firstPosition: RoPE's position of the first token of a sequence.
    package func makeDevice(kvType: KVType? = nil, firstPosition: Int = 0) -> CPUDevice {
        CPUDevice(
            configuration: configuration, weights: weights, kernels: kernels, pool: pool,
            kvType: kvType ?? .default(for: configuration), firstPosition: firstPosition)
    }
}
