import Foundation
import Ouro

/// The complete state of a training in one safetensors file: parameters, moments, progress and the position in the
/// data.
///
/// The file is written atomically. So the last checkpoint survives if the training is killed at any time.
struct TrainingCheckpoint {
    static let format = "ouro-training-1"
    private static let arrays = ["parameters", "first_moments", "second_moments"]

    let progress: TrainingProgress
    let optimizerStep: Int
    let position: Data
    /// The software that computed the steps so far; nil if the file does not record it.
    let provenance: Provenance?
    /// The model that the adapters belong to; nil if the whole model is trained.
    let base: LowRankAdapters.Base?
    private let file: SafetensorsFile
    private let path: String

    /// Reads the metadata of a checkpoint.
    ///
    /// - Throws: `OuroError` with code `invalidCheckpoint` if the checkpoint belongs to another recipe, or if the file
    ///   is not a checkpoint.
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
        provenance = Provenance(metadata)
        base = metadata["base"].flatMap { path in
            metadata["base_fingerprint"].map { LowRankAdapters.Base(path: path, fingerprint: $0) }
        }
    }

    /// Reads the parameters and moments into an optimiser.
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
    /// - Throws: `OuroError` with code `unwritableFile`, for instance if the disk is full. Earlier checkpoints are
    ///   kept.
    static func write(
        to url: URL, _ optimizer: AdamW, progress: TrainingProgress, position: Data, recipe: Recipe,
        provenance: Provenance, base: LowRankAdapters.Base?
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
        ].merging(provenance.metadata) { $1 }
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
