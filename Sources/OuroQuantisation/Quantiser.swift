import Foundation
import Ouro

/// Writes a quantised copy of a model folder, in MLX's format: `ouro quantize`.
///
/// ```swift
/// let quantiser = try Quantiser(modelAt: folder, options: .init(bits: 4, calibration: tokens))
/// try quantiser.write(to: output) { print($0.fraction) }
/// ```
///
/// Without calibration, weights are streamed: hardly more than one is ever in memory. With it, the model is, and at most
/// 2 GB besides.
public struct Quantiser: Sendable {
    public let options: QuantisationOptions
    public let configuration: ModelConfiguration
    /// Weights that stay as they are although they were to be quantised: their rows are not whole groups.
    public var skippedWeights: [String] { plan.skipped }
    private let folder: URL
    private let checkpoint: Checkpoint
    private let plan: QuantisationPlan

    /// How far a run is.
    public struct Progress: Sendable, Equatable {
        public enum Stage: Sendable, Equatable {
            /// An interrupted run with other settings, or of another model, was found; its results are removed.
            case startedAnew
            /// So many layers of an interrupted run with the same settings are used.
            case resumed(layers: Int)
            /// The text is read for the statistics of these layers, counted from 0, which are then rounded.
            case calibrating(Range<Int>)
            case writing
        }

        public let stage: Stage
        /// Of the whole work, 0 to 1.
        public let fraction: Double
    }

    /// Checks model and options; reads no weights.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` for options out of range, `unsupported` if the model is
    ///   quantised already; and what reading of the folder throws.
    public init(modelAt folder: URL, options: QuantisationOptions) throws(OuroError) {
        self.folder = folder
        self.options = options
        configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        guard configuration.quantisation == nil else {
            throw OuroError(
                .unsupported, file: folder.path, field: QuantisationConfiguration.field,
                "the model is quantised already; quantise the original, as rounding twice only adds errors")
        }
        try options.validate(for: configuration)
        checkpoint = try Checkpoint(folder: folder)
        try checkpoint.validate(for: configuration)
        plan = QuantisationPlan(options, for: configuration)
    }

    /// Does the work; an interrupted calibration goes on where it was.
    ///
    /// Blocks the caller for long: call it from a thread or task of its own.
    ///
    /// - Parameters:
    ///   - output: a folder that does not exist, is empty, or was left by an interrupted run.
    /// - Throws: ``OuroError`` with code `unwritableFile` for the folder, `nonFinite` for damaged weights,
    ///   `memoryExceeded` if there is no room to calibrate; and `CancellationError` if the task was cancelled, after which the
    ///   work can be resumed.
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
            // Later runs see these layers as they will be; layers of the same run never do, interrupted or not.
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

    /// For every calibrated weight the file that has it.
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
                "the finished weights of layer \(layer) are gone; run the same command again")
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

    /// The original `config.json` with everything that is in it, and how the weights are quantised.
    private func configurationFile() throws(OuroError) -> Data {
        let url = folder.appendingPathComponent("config.json")
        var members = try ConfigurationFields(contentsOf: url).members
        members[QuantisationConfiguration.field] = plan.configuration.members
        members[QuantisationConfiguration.copyField] = plan.configuration.members
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return try encoder.encode(JSONValue.object(members)) + Data("\n".utf8)
        } catch {
            throw OuroError(.invalidConfiguration, file: url.path, "cannot be written: \(error)")
        }
    }

    /// Of everything that the result depends on: options, configuration, text and weights.
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
    /// A text and a zero byte, so that two texts in a row differ from two others that are cut elsewhere.
    fileprivate mutating func add(terminated text: String) {
        add(text)
        add(0 as UInt8)
    }

    /// Eight bytes, the lowest first.
    fileprivate mutating func add(bytesOf number: Int) {
        withUnsafeBytes(of: Int64(number).littleEndian) { for byte in $0 { add(byte) } }
    }
}
