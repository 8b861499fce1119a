import Foundation
import Ouro

/// A training: a model, data, and the stages that the model goes through. ``init(contentsOf:)`` reads it from YAML.
public struct Recipe: Sendable, Equatable {
    /// Path of the file, for errors; paths inside are relative to its folder.
    public internal(set) var file: String
    /// Changes with every character of the file.
    var fingerprint: String
    /// The recipe's name; results go to a folder of this name by default.
    public internal(set) var name: String
    /// Decides initial weights and the order of the data.
    public internal(set) var seed: UInt64
    /// As it is exported. Stages may use other numbers of loops and another RoPE base until then.
    public internal(set) var model: ModelConfiguration
    /// Deviation of the initial matrices; nil leaves the choice to the width.
    var initialDeviation: Float?
    var initialGateBias: Float
    /// Folder whose tokenizer files the exported model gets, and that encodes texts of synthetic tasks.
    public internal(set) var tokenizer: String?
    var optimizer: OptimizerSettings
    /// Train low-rank adapters of these matrices on a frozen model; nil trains all of it.
    var lora: LoraSettings?
    var data: [String: DataSource]
    var checkpoints: CheckpointSettings
    /// Steps between lines of the log.
    var logSteps: Int
    /// Element type of the exported weights.
    var exportType: ElementType
    /// The stages, in order; at least one.
    public internal(set) var stages: [Stage]

    /// Where tokens come from.
    enum DataSource: Sendable, Equatable {
        /// A folder of token shards, made by `ouro data pack`; documents by themselves, or as a running text.
        case shards(path: String, packsDocuments: Bool)
        /// A synthetic task, generated during training as plain text or as conversations. With nil, all its levels are
        /// used.
        case task(name: String, levels: [Int]?, isChat: Bool)
        /// The bytes of a file, for a model whose tokens are bytes.
        case bytes(path: String)
    }

    /// Low-rank adapters.
    struct LoraSettings: Sendable, Equatable {
        /// The inner dimension of the product B A.
        var rank: Int
        /// The product is added `alpha / rank` times.
        var alpha: Double
        /// Of ``Adapter/targets``.
        var targets: [String]
    }

    /// When checkpoints are written, and how many are kept.
    struct CheckpointSettings: Sendable, Equatable {
        /// Steps between checkpoints; 0 is never.
        var everySteps = 0
        /// Minutes between checkpoints; 0 is never.
        var everyMinutes = 10.0
        /// The newest checkpoints that stay.
        var keep = 3
    }

    /// A stretch of the training with one objective and one mixture of data.
    public struct Stage: Sendable, Equatable {
        /// The stage's name, as the log has it.
        public internal(set) var name: String
        /// Steps of the optimiser.
        public internal(set) var steps: Int
        /// Positions of a sequence.
        public internal(set) var length: Int
        /// Sequences of a step, growing linearly over the stage from the first number to the second.
        public internal(set) var rows: ClosedRange<Int>
        var compute: StepSettings
        var schedule: LearningRateSchedule
        var ropeTheta: Double
        /// Sources with their shares.
        public internal(set) var mixture: [(name: String, weight: Double)]
        /// The layers are duplicated to so many when the stage begins.
        var layers: Int

        /// Whether the stages have the same settings.
        public static func == (a: Stage, b: Stage) -> Bool {
            a.name == b.name && a.steps == b.steps && a.length == b.length && a.rows == b.rows
                && a.compute == b.compute && a.schedule == b.schedule && a.ropeTheta == b.ropeTheta
                && a.layers == b.layers && a.mixture.map(\.name) == b.mixture.map(\.name)
                && a.mixture.map(\.weight) == b.mixture.map(\.weight)
        }

        /// Sequences of a step's batch.
        ///
        /// - Parameters:
        ///   - step: the step within the stage, from 0.
        public func rows(step: Int) -> Int {
            let part = Double(step) / Double(max(1, steps - 1))
            return rows.lowerBound + Int((Double(rows.count - 1) * part).rounded())
        }

        /// Positions of all steps together.
        public var tokens: Double { Double(rows.lowerBound + rows.upperBound) / 2 * Double(length) * Double(steps) }
    }

    /// Steps of all stages.
    public var stepCount: Int { stages.reduce(0) { $0 + $1.steps } }

    /// The URL of a path in the recipe.
    ///
    /// - Parameters:
    ///   - path: a path relative to the recipe's folder.
    public func resolve(_ path: String) -> URL {
        URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: file).deletingLastPathComponent())
            .standardizedFileURL
    }

    /// The model while a stage runs.
    func configuration(of stage: Stage) -> ModelConfiguration {
        var configuration = model
        configuration.layerCount = stage.layers
        configuration.slidingWindows = Array(repeating: nil, count: stage.layers)
        configuration.rope.theta = stage.ropeTheta
        configuration.loops = stage.compute.loops
        return configuration
    }
}
