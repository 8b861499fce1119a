import Foundation

/// A model folder, loaded for the CPU: configuration, packed weights, kernels and threads.
///
/// The engine, quantisation, comparison and measurement all load a model this way.
package struct LoadedModel {
    package let configuration: ModelConfiguration
    package let checkpoint: Checkpoint
    package let weights: ModelWeights
    package let kernels: Kernels
    package let pool: WorkerPool

    /// Reads and checks the weights of a folder.
    ///
    /// - Parameters:
    ///   - configuration: by default the folder's own.
    ///   - adapter: folder of a LoRA adapter to merge into the weights.
    ///   - mapped: whether to map the files instead of reading them.
    /// - Throws: ``OuroError`` naming file and field of the first thing that is wrong with the folder.
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

    /// The validated configuration of a folder, after `overrides`.
    package static func configuration(
        of folder: URL, overrides: (inout ModelConfiguration) -> Void = { _ in }
    ) throws(OuroError) -> ModelConfiguration {
        var configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        overrides(&configuration)
        try configuration.validate(file: "config.json")
        return configuration
    }

    /// A device with these weights and a cache of its own.
    ///
    /// - Parameters:
    ///   - kvType: by default ``KVType/default(for:)``.
    ///   - firstPosition: what RoPE takes as the position of a sequence's first token.
    package func makeDevice(kvType: KVType? = nil, firstPosition: Int = 0) -> CPUDevice {
        CPUDevice(
            configuration: configuration, weights: weights, kernels: kernels, pool: pool,
            kvType: kvType ?? .default(for: configuration), firstPosition: firstPosition)
    }
}
