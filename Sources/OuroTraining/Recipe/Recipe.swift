import Foundation
import Ouro

/// A training recipe: a model, its data, and the stages of its training. ``Recipe/init(contentsOf:)`` reads it from YAML.
public struct Recipe: Sendable, Equatable {
    /// Path of the recipe file, for errors. Paths in the recipe are relative to its folder.
    public internal(set) var file: String
    /// Hash of the recipe's text. It changes with every character.
    var fingerprint: String
    /// The recipe's name; results go to a folder of this name by default.
    public internal(set) var name: String
    /// Seed of the initial weights and of the data order. By default 1.
    public internal(set) var seed: UInt64
    /// The model as it is exported. A stage may use another number of loops or another RoPE base.
    public internal(set) var model: ModelConfiguration
    /// Standard deviation of the initial matrices; nil chooses it by the width.
    var initialDeviation: Float?
    /// Initial bias of the gate. By default 0: every loop exits with probability one half.
    var initialGateBias: Float
    /// The folder with the tokenizer. It encodes the texts of synthetic tasks and is copied to the exported model.
    public internal(set) var tokenizer: String?
    /// The settings of AdamW.
    var optimizer: OptimizerSettings
    /// The low-rank adapters to train on a frozen model; nil trains the whole model.
    var lora: LoraSettings?
    /// The data sources by name.
    var data: ExactDictionary<DataSource>
    /// When checkpoints are saved, and how many are kept.
    var checkpoints: CheckpointSettings
    /// Steps between two lines of the log. By default 10.
    var logSteps: Int
    /// Element type of the exported weights. By default bf16.
    var exportType: ElementType
    /// The stages, in order; at least one.
    public internal(set) var stages: [Stage]

    /// A source of training data.
    enum DataSource: Sendable, Equatable {
        /// A folder of token shards, made by `ouro data pack`. Documents are packed separately or as continuous text.
        case shards(path: String, packsDocuments: Bool)
        /// A synthetic task, generated during training as plain text or as conversations. With nil, all its levels are
        /// used.
        case task(name: String, levels: [Int]?, isChat: Bool)
        /// The bytes of a file, for a model whose tokens are bytes.
        case bytes(path: String)
    }

    /// Low-rank adapters.
    struct LoraSettings: Sendable, Equatable {
        /// Rank of the factors A and B. By default 8.
        var rank: Int
        /// The product B A is scaled by `alpha / rank`. By default twice the rank.
        var alpha: Double
        /// The matrices to adapt, out of `Adapter.targets`. By default queries and values.
        var targets: [String]
    }

    /// When checkpoints are written, and how many are kept.
    struct CheckpointSettings: Sendable, Equatable {
        /// Steps between checkpoints. 0, the default, saves none by steps.
        var everySteps = 0
        /// Minutes between checkpoints. 0 saves none by time.
        var everyMinutes = 10.0
        /// How many of the newest checkpoints are kept.
        var keep = 3
    }

    /// A stage of the training, with one objective and one mixture of data.
    public struct Stage: Sendable, Equatable {
        /// The stage's name, as the log has it.
        public internal(set) var name: String
        /// Number of steps.
        public internal(set) var steps: Int
        /// Positions of a sequence.
        public internal(set) var length: Int
        /// Sequences of a batch. The number grows linearly over the stage from the lower to the upper bound.
        public internal(set) var rows: ClosedRange<Int>
        /// Loops, objective, micro-batch and activation storage.
        var compute: StepSettings
        /// The learning rate.
        var schedule: LearningRateSchedule
        /// The RoPE base.
        var ropeTheta: Double
        /// The data sources by name, with their weights.
        public internal(set) var mixture: [(name: String, weight: Double)]
        /// Layers of the model in this stage. Layers are duplicated if the stage before has fewer.
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

    /// The configuration of the model during a stage.
    ///
    /// - Parameters:
    ///   - stage: a stage of this recipe.
    func configuration(of stage: Stage) -> ModelConfiguration {
        var configuration = model
        configuration.layerCount = stage.layers
        configuration.slidingWindows = Array(repeating: nil, count: stage.layers)
        configuration.rope.theta = stage.ropeTheta
        configuration.loops = stage.compute.loops
        return configuration
    }
}
