import Foundation
import Ouro

/// How far a training has come.
public struct TrainingProgress: Sendable, Equatable {
    /// Index of the stage.
    public var stage = 0
    /// Steps taken in it.
    public var stageStep = 0
    /// Steps taken in all.
    public var step = 0
    /// Positions computed in all.
    public var tokens = 0
}

/// A training's whole state in one safetensors file: parameters, moments, progress and the place in the data.
///
/// The file appears complete or not at all, so a training killed at any instant has its last checkpoint.
struct TrainingCheckpoint {
    static let format = "ouro-training-1"
    private static let arrays = ["parameters", "first_moments", "second_moments"]

    let progress: TrainingProgress
    let optimizerStep: Int
    let position: Data
    /// The model that adapters were trained on; nil if all of the model learns.
    let base: LowRankAdapters.Base?
    private let file: SafetensorsFile
    private let path: String

    /// Reads what the file says of itself.
    ///
    /// - Throws: ``OuroError`` with code `invalidCheckpoint` if it belongs to another recipe or is no such file.
    init(contentsOf url: URL, recipe: Recipe) throws(OuroError) {
        path = url.path
        file = try SafetensorsFile(contentsOf: url)
        let metadata = file.metadata
        let path = url.path
        guard metadata["format"] == Self.format else {
            throw OuroError(
                .invalidCheckpoint, file: path, field: "format",
                "expected \(Self.format), found \(metadata["format"] ?? "nothing"); a model folder starts a new training "
                    + "with --init")
        }
        guard metadata["recipe"] == recipe.fingerprint else {
            throw OuroError(
                .invalidCheckpoint, file: path, field: "recipe",
                "it was saved by another recipe or an earlier state of this one; continue with the same text, or start a new "
                    + "training with --init")
        }
        func number(_ name: String, _ range: ClosedRange<Int>) throws(OuroError) -> Int {
            guard let value = metadata[name].flatMap({ Int($0) }), range.contains(value) else {
                throw OuroError(
                    .invalidCheckpoint, file: path, field: name,
                    "expected an integer from \(range.lowerBound) to \(range.upperBound), found "
                        + "\(metadata[name] ?? "nothing")")
            }
            return value
        }
        var progress = TrainingProgress()
        progress.stage = try number("stage", 0...recipe.stages.count - 1)
        progress.stageStep = try number("stage_step", 0...recipe.stages[progress.stage].steps)
        progress.step = try number("step", 0...1 << 56)
        progress.tokens = try number("tokens", 0...1 << 60)
        self.progress = progress
        optimizerStep = try number("optimizer_step", 0...1 << 56)
        guard let position = metadata["position"].flatMap({ Data(base64Encoded: $0) }) else {
            throw OuroError(.invalidCheckpoint, file: path, field: "position", "expected base64")
        }
        self.position = position
        base = metadata["base"].flatMap { path in
            metadata["base_fingerprint"].map { LowRankAdapters.Base(path: path, fingerprint: $0) }
        }
    }

    /// Reads parameters and moments.
    func restore(_ optimizer: AdamW) throws(OuroError) {
        let target = optimizer.target
        for (prefix, array) in zip(
            Self.arrays, [target.parameters, optimizer.firstMoments, optimizer.secondMoments])
        {
            for tensor in target.tensors {
                let name = "\(prefix).\(tensor.name)"
                let values = try file.floats(name)
                guard values.count == tensor.range.count else {
                    throw OuroError(
                        .invalidCheckpoint, file: path, field: name,
                        "expected \(tensor.range.count) values, found \(values.count)")
                }
                values.withUnsafeBufferPointer { values in
                    if let base = values.baseAddress {
                        (array.base + tensor.range.lowerBound).update(from: base, count: values.count)
                    }
                }
            }
        }
        optimizer.step = optimizerStep
    }

    /// Writes a checkpoint.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile`, as when the disk is full; earlier checkpoints stay.
    static func write(
        to url: URL, _ optimizer: AdamW, progress: TrainingProgress, position: Data, recipe: Recipe,
        base: LowRankAdapters.Base?
    ) throws(OuroError) {
        let target = optimizer.target
        let declarations = arrays.flatMap { prefix in
            target.tensors.map {
                TensorDeclaration(name: "\(prefix).\($0.name)", elementType: .f32, shape: $0.shape)
            }
        }
        var metadata = [
            "format": format, "recipe": recipe.fingerprint, "stage": "\(progress.stage)",
            "stage_step": "\(progress.stageStep)", "step": "\(progress.step)", "tokens": "\(progress.tokens)",
            "optimizer_step": "\(optimizer.step)", "position": position.base64EncodedString(),
        ]
        if let base { (metadata["base"], metadata["base_fingerprint"]) = (base.path, base.fingerprint) }
        let writer = try SafetensorsWriter(to: url, tensors: declarations, metadata: metadata)
        for (prefix, array) in zip(arrays, [target.parameters, optimizer.firstMoments, optimizer.secondMoments]) {
            for tensor in target.tensors {
                try writer.write(
                    "\(prefix).\(tensor.name)",
                    UnsafeRawBufferPointer(
                        start: array.base + tensor.range.lowerBound,
                        count: tensor.range.count * MemoryLayout<Float>.stride))
            }
        }
        try writer.finish()
    }
}

/// The checkpoints of a training, of which the newest few are kept.
struct CheckpointFolder {
    let url: URL

    init(_ output: URL) { url = output.appendingPathComponent("checkpoints") }

    /// From the oldest to the newest.
    var files: [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        return names.filter { $0.hasPrefix("step-") && $0.hasSuffix(".safetensors") }.sorted()
            .map { url.appendingPathComponent($0) }
    }

    func file(step: Int) -> URL {
        url.appendingPathComponent("step-\(step.digits(12)).safetensors")
    }

    func create() throws(OuroError) {
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            throw OuroError(
                .unwritableFile, file: url.path, "the folder cannot be created: \(error.localizedDescription)")
        }
    }

    /// Removes all but the newest `count`, and what writers that were killed have left.
    func keep(_ count: Int) {
        for file in files.dropLast(count) { try? FileManager.default.removeItem(at: file) }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        for name in names where name.hasPrefix(".step-") && name.hasSuffix(".partial") {
            try? FileManager.default.removeItem(at: url.appendingPathComponent(name))
        }
    }
}
