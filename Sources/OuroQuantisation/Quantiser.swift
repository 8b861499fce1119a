import Foundation
import Ouro

/// Writes a quantised copy of a model folder in MLX's format, for `ouro quantize`.
///
/// ```swift
/// let quantiser = try Quantiser(modelAt: folder, options: .init(bits: 4, calibration: tokens))
/// try quantiser.write(to: output) { print($0.fraction) }
/// ```
///
/// Without calibration, weights are streamed: about one weight is in memory at a time. With calibration, the whole
/// model is in memory, and up to 2 GB more.
public struct Quantiser: Sendable {
    /// The options.
    public let options: QuantisationOptions
    /// The configuration of the model to quantise.
    public let configuration: ModelConfiguration
    /// Weights that the options would quantise, but whose rows the group size does not divide. They are copied.
    public var skippedWeights: [String] { plan.skipped }
    private let folder: URL
    private let checkpoint: Checkpoint
    private let plan: QuantisationPlan

    /// The progress of a run.
    public struct Progress: Sendable, Equatable {
        /// The current work.
        public enum Stage: Sendable, Equatable {
            /// The output folder had an interrupted run with other settings or of another model. Its files were
            /// removed.
            case startedAnew
            /// The output folder has an interrupted run with the same settings. So many of its layers are reused.
            case resumed(layers: Int)
            /// Statistics of these layers (from 0) are collected on the calibration text, and then the layers are
            /// rounded.
            case calibrating(Range<Int>)
            /// The weights are written.
            case writing
        }

        /// The current work.
        public let stage: Stage
        /// Fraction of the whole work that is done, 0 to 1.
        public let fraction: Double
    }

    /// Checks the model and the options. It reads no weights.
    ///
    /// - Parameters:
    ///   - folder: the model folder.
    ///   - options: how to quantise.
    /// - Throws: `OuroError` with code `invalidRequest` for options out of range, `unsupported` if the model is already
    ///   quantised, or the error of reading the folder.
    public init(modelAt folder: URL, options: QuantisationOptions) throws(OuroError) {
        self.folder = folder
        self.options = options
        configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        guard configuration.quantisation == nil else {
            throw OuroError(
                .unsupported, file: folder.path, field: QuantisationConfiguration.field,
                "the model is already quantised; quantise the original, because rounding twice adds errors")
        }
        try options.validate(for: configuration)
        checkpoint = try Checkpoint(folder: folder)
        try checkpoint.validate(for: configuration)
        plan = QuantisationPlan(options, for: configuration)
    }

    /// Quantises the model. An interrupted calibration is resumed.
    ///
    /// This takes long and blocks the caller, so call it from its own thread or task.
    ///
    /// - Parameters:
    ///   - output: a folder that does not exist, is empty, or was left by an interrupted run.
    ///   - progress: called with the progress so far.
    /// - Throws: `OuroError` with code `unwritableFile` if the folder cannot be used, `nonFinite` for damaged weights,
    ///   or `memoryExceeded` if there is not enough memory to calibrate. `CancellationError` if the task is cancelled;
    ///   the work can then be resumed.
    public func write(to output: URL, progress: (Progress) -> Void = { _ in }) throws {
        if options.calibration != nil { try Calibration.checkMemory(options, configuration) }
        let kernels = try Kernels.select()
        let pool = WorkerPool(threadCount: options.threads ?? Machine.current.coreCount)
        let target = try QuantisationFolder(
            output, source: folder, fingerprint: try fingerprint(kernels), replacesFiles: options.replacesFiles)
        if target.startedAnew { progress(Progress(stage: .startedAnew, fraction: 0)) }
        if options.calibration != nil { try calibrate(target, kernels: kernels, pool: pool, progress: progress) }
        try target.write(configurationFile(), named: "config.json")
        try target.copyCompanions(from: ModelFolder(folder))
        try writeWeights(target, kernels: kernels, pool: pool) { done in
            let start = options.calibration == nil ? 0 : Self.calibrationShare
            progress(Progress(stage: .writing, fraction: start + (1 - start) * done))
        }
        try target.complete()
    }

    private static let calibrationShare = 0.98

    private func calibrate(
        _ target: QuantisationFolder, kernels: Kernels, pool: WorkerPool, progress: (Progress) -> Void
    ) throws {
        let layers = 0..<configuration.layerCount
        var finished = Set(layers.filter { target.layer($0, plan: plan) != nil })
        if !finished.isEmpty { progress(Progress(stage: .resumed(layers: finished.count), fraction: 0)) }
        guard finished.count < layers.count else { return }
        let windows = TextWindows.split(
            options.calibration ?? [],
            length: min(QuantisationOptions.windowLength, configuration.contextLength),
            limit: options.calibrationTokens)
        let runner = try LoadedModel(folder: folder, kernels: kernels, pool: pool)
            .runner(windowLength: windows.map(\.count).max() ?? 1)
        let calibration = Calibration(runner: runner, checkpoint: checkpoint, plan: plan, windows: windows)
        let runs = Calibration.runs(options, configuration)
        for (index, run) in runs.enumerated() {
            try calibration.run(
                layers: run, isFinished: { finished.contains($0) },
                progress: { done in
                    let fraction = (Double(index) + done) / Double(runs.count) * Self.calibrationShare
                    progress(Progress(stage: .calibrating(run), fraction: fraction))
                },
                finish: { layer, weights in
                    try target.write(weights, layer: layer)
                    finished.insert(layer)
                })
            // Later runs use the quantised layers. Layers of the same run use the original ones, even if the run was
            // interrupted.
            guard index + 1 < runs.count else { break }
            for layer in run {
                let file = try finishedFile(layer, target)
                let entries = QuantisationFolder.entries(ofLayer: layer, plan)
                try calibration.use(QuantisationFolder.sources(of: entries, in: file), layer: layer)
                withExtendedLifetime(file) {}
            }
        }
    }

    private func writeWeights(
        _ target: QuantisationFolder, kernels: Kernels, pool: WorkerPool, progress: (Double) -> Void
    ) throws {
        let writer = try CheckpointWriter(
            folder: target.url, tensors: plan.declarations(checkpoint), metadata: ["format": "mlx"])
        let finished = try finishedTensors(target)
        let total = plan.entries.reduce(0) { $0 + $1.shape.reduce(1, *) }
        var done = 0
        for entry in plan.entries {
            try Task.checkCancellation()
            if let setting = entry.setting {
                if let file = finished[entry.name] {
                    for part in Checkpoint.quantisedParts(of: entry.name, shape: entry.shape, setting) {
                        guard let info = file.tensors[part.name] else { continue }
                        try writer.write(part.name, file.bytes(of: info))
                    }
                } else {
                    let matrix = try rounded(entry.name, setting, kernels: kernels, pool: pool)
                    for (part, bytes) in matrix.tensors(named: entry.name) { try writer.write(part.name, bytes) }
                }
            } else {
                try writer.write(entry.name, checkpoint.bytes(of: entry.name).0)
            }
            checkpoint.releasePages(of: entry.name)
            done += entry.shape.reduce(1, *)
            progress(Double(done) / Double(max(total, 1)))
        }
        try writer.finish()
    }

    /// The file of every calibrated weight.
    private func finishedTensors(_ target: QuantisationFolder) throws(OuroError) -> [String: SafetensorsFile] {
        guard options.calibration != nil else { return [:] }
        var files: [String: SafetensorsFile] = [:]
        for layer in 0..<configuration.layerCount {
            let file = try finishedFile(layer, target)
            for entry in QuantisationFolder.entries(ofLayer: layer, plan) { files[entry.name] = file }
        }
        return files
    }

    private func finishedFile(_ layer: Int, _ target: QuantisationFolder) throws(OuroError) -> SafetensorsFile {
        guard let file = target.layer(layer, plan: plan) else {
            throw OuroError(
                .unreadableFile, file: target.url.path,
                "the calibrated weights of layer \(layer) are missing; run the same command again")
        }
        return file
    }

    private func rounded(
        _ name: String, _ setting: QuantisationSetting, kernels: Kernels, pool: WorkerPool
    ) throws(OuroError) -> QuantisedMatrix {
        let source = try checkpoint.source(of: name, configuration)
        let type = checkpoint.tensors[name]?.elementType ?? .f32
        do throws(OuroError) {
            return try QuantisedMatrix(
                rounding: source, setting: setting, scaleType: type, kernels: kernels, pool: pool)
        } catch {
            throw OuroError(error.code, file: checkpoint.filePath(of: name), field: name, error.message)
        }
    }

    /// The original `config.json`, with the quantisation added.
    private func configurationFile() throws(OuroError) -> Data {
        let url = folder.appendingPathComponent("config.json")
        var members = try Fields.configuration(contentsOf: url).members
        members[QuantisationConfiguration.field] = plan.configuration.members
        members[QuantisationConfiguration.copyField] = plan.configuration.members
        return Data(JSONValue.object(members).fileText.utf8)
    }

    /// A hash of everything that the result depends on: options, configuration, text and weights.
    private func fingerprint(_ kernels: Kernels) throws(OuroError) -> String {
        var hash = FNV1a()
        let runs = options.calibration.map { _ in Calibration.runs(options, configuration) } ?? []
        hash.add(
            terminated: "1 \(options.bits) \(options.groupSize) \(options.calibrationTokens) \(kernels.name) \(runs)")
        for bits in [options.embeddingBits, options.headBits, options.gateBits] { hash.add(terminated: "\(bits ?? 0)") }
        hash.add(terminated: "\(options.calibration?.count ?? -1)")
        for token in options.calibration ?? [] { hash.add(bytesOf: token) }
        for entry in plan.entries {
            hash.add(
                terminated: "\(entry.name) \(entry.shape) \(checkpoint.tensors[entry.name]?.elementType.rawValue ?? "")"
            )
        }
        for path in Set(plan.entries.map { checkpoint.filePath(of: $0.name) }).sorted() {
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            let date = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
            hash.add(terminated: "\(path) \(attributes?[.size] as? Int ?? 0) \(date)")
        }
        hash.add(terminated: "\(configuration)")
        return String(hash.value, radix: 16)
    }
}

extension FNV1a {
    /// Adds a text and a zero byte, so that the boundaries between texts affect the hash.
    fileprivate mutating func add(terminated text: String) {
        add(text)
        add(0 as UInt8)
    }

    /// Adds eight bytes in little-endian order.
    fileprivate mutating func add(bytesOf number: Int) {
        withUnsafeBytes(of: Int64(number).littleEndian) { for byte in $0 { add(byte) } }
    }
}
