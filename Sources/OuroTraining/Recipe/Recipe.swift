import Foundation
import Ouro

/// A training recipe: a model, its data, and the stages of its training. `init(contentsOf:)` reads it from YAML.
public struct Recipe: Sendable, Equatable {
    /// Path of the recipe file, for errors. Paths in the recipe are relative to its folder.
    public var file: String
    /// Hash of the recipe's text. It changes with every character.
    public var fingerprint: String
    /// Name of the training. By default the file's name without its extension.
    public var name: String
    /// Seed of the initial weights and of the data order. By default 1.
    public var seed: UInt64
    /// The model as it is exported. A stage may use another number of loops or another RoPE base.
    public var model: ModelConfiguration
    /// Standard deviation of the initial matrices; nil chooses it by the width.
    public var initialDeviation: Float?
    /// Initial bias of the gate. By default 0: every loop exits with probability one half.
    public var initialGateBias: Float
    /// The folder with the tokenizer. It encodes the texts of synthetic tasks and is copied to the exported model.
    public var tokenizer: String?
    /// The settings of AdamW.
    public var optimizer: OptimizerSettings
    /// The low-rank adapters to train on a frozen model; nil trains the whole model.
    public var lora: LoraSettings?
    /// The data sources by name.
    public var data: [String: DataSource]
    /// When checkpoints are saved, and how many are kept.
    public var checkpoints: CheckpointSettings
    /// Steps between two lines of the log. By default 10.
    public var logSteps: Int
    /// Element type of the exported weights. By default bf16.
    public var exportType: ElementType
    /// The stages, in order.
    public var stages: [Stage]

    /// A source of training data.
    public enum DataSource: Sendable, Equatable {
        /// A folder of token shards, made by `ouro data pack`. Documents are packed separately or as continuous text.
        case shards(path: String, packsDocuments: Bool)
        /// A synthetic task, generated during training as plain text or as conversations. With nil, all its levels are
        /// used.
        case task(name: String, levels: [Int]?, isChat: Bool)
        /// The bytes of a file, for a model whose tokens are bytes.
        case bytes(path: String)
    }

    /// The settings of low-rank adapters (LoRA).
    public struct LoraSettings: Sendable, Equatable {
        /// Rank of the factors. By default 8.
        public var rank: Int
        /// The adapters are scaled by `alpha / rank`. By default twice the rank.
        public var alpha: Double
        /// The matrices to adapt, out of `Adapter.targets`. By default queries and values.
        public var targets: [String]
    }

    /// When checkpoints are saved, and how many are kept.
    public struct CheckpointSettings: Sendable, Equatable {
        /// Steps between checkpoints. 0, the default, saves none by steps.
        public var everySteps = 0
        /// Minutes between checkpoints. 0 saves none by time.
        public var everyMinutes = 10.0
        /// How many checkpoints are kept.
        public var keep = 3
    }

    /// A stage of a training.
    public struct Stage: Sendable, Equatable {
        /// Name of the stage.
        public var name: String
        /// Number of steps.
        public var steps: Int
        /// Positions of a sequence.
        public var length: Int
        /// Sequences of a batch. The number grows linearly over the stage from the lower to the upper bound.
        public var rows: ClosedRange<Int>
        /// Loops, objective, micro-batch and activation storage.
        public var compute: StepSettings
        /// The learning rate.
        public var schedule: LearningRateSchedule
        /// The RoPE base.
        public var ropeTheta: Double
        /// The data sources by name, with their weights.
        public var mixture: [(name: String, weight: Double)]
        /// Layers of the model in this stage. Layers are duplicated if the stage before has fewer.
        public var layers: Int

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

    /// Steps of all stages together.
    public var stepCount: Int { stages.reduce(0) { $0 + $1.steps } }

    /// The URL of a path in the recipe.
    ///
    /// - Parameters:
    ///   - path: a path relative to the recipe's folder.
    public func resolve(_ path: String) -> URL {
        URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: file).deletingLastPathComponent())
            .standardizedFileURL
    }

    /// The configuration of the model during a stage.
    ///
    /// - Parameters:
    ///   - stage: a stage of this recipe.
    public func configuration(of stage: Stage) -> ModelConfiguration {
        var configuration = model
        configuration.layerCount = stage.layers
        configuration.slidingWindows = Array(repeating: nil, count: stage.layers)
        configuration.rope.theta = stage.ropeTheta
        configuration.loops = stage.compute.loops
        return configuration
    }
}
