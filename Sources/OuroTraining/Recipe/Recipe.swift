import Foundation
import Ouro

/// Everything that makes a training: a model, data, and the stages it goes through. Read from YAML with
/// ``init(contentsOf:)``.
public struct Recipe: Sendable, Equatable {
    /// Path of the file, for errors; paths inside are relative to its folder.
    public var file: String
    /// Changes with every character of the file.
    public var fingerprint: String
    public var name: String
    public var seed: UInt64
    /// As it is exported. Stages may use other numbers of loops and another RoPE base until then.
    public var model: ModelConfiguration
    /// Deviation of the initial matrices; nil leaves the choice to the width.
    public var initialDeviation: Float?
    public var initialGateBias: Float
    /// Folder whose tokenizer files the exported model gets, and that encodes texts of synthetic tasks.
    public var tokenizer: String?
    public var optimizer: OptimizerSettings
    /// Train low-rank adapters of these matrices on a frozen model; nil trains all of it.
    public var lora: LoraSettings?
    public var data: [String: DataSource]
    public var checkpoints: CheckpointSettings
    /// Steps between lines of the log.
    public var logSteps: Int
    /// Element type of the exported weights.
    public var exportType: ElementType
    public var stages: [Stage]

    /// Where tokens come from.
    public enum DataSource: Sendable, Equatable {
        /// A folder of token shards, made by `ouro data pack`; documents by themselves, or as a running text.
        case shards(path: String, packsDocuments: Bool)
        /// A synthetic task, made while training, as texts or as conversations; nil are all levels.
        case task(name: String, levels: [Int]?, isChat: Bool)
        /// The bytes of a file, for models with a vocabulary of bytes.
        case bytes(path: String)
    }

    public struct LoraSettings: Sendable, Equatable {
        public var rank: Int
        public var alpha: Double
        /// Of ``Adapter/targets``.
        public var targets: [String]
    }

    public struct CheckpointSettings: Sendable, Equatable {
        /// 0 is never.
        public var everySteps = 0
        public var everyMinutes = 10.0
        public var keep = 3
    }

    public struct Stage: Sendable, Equatable {
        public var name: String
        public var steps: Int
        /// Positions of a sequence.
        public var length: Int
        /// Sequences of a step, growing linearly over the stage from the first number to the second.
        public var rows: ClosedRange<Int>
        public var compute: StepSettings
        public var schedule: LearningRateSchedule
        public var ropeTheta: Double
        /// Sources with their shares.
        public var mixture: [(name: String, weight: Double)]
        /// The layers are duplicated to so many when the stage begins.
        public var layers: Int

        public static func == (a: Stage, b: Stage) -> Bool {
            a.name == b.name && a.steps == b.steps && a.length == b.length && a.rows == b.rows
                && a.compute == b.compute && a.schedule == b.schedule && a.ropeTheta == b.ropeTheta
                && a.layers == b.layers && a.mixture.map(\.name) == b.mixture.map(\.name)
                && a.mixture.map(\.weight) == b.mixture.map(\.weight)
        }

        /// Sequences of a step, counted from 0.
        public func rows(step: Int) -> Int {
            let part = Double(step) / Double(max(1, steps - 1))
            return rows.lowerBound + Int((Double(rows.count - 1) * part).rounded())
        }

        /// Positions of all its steps.
        public var tokens: Double { Double(rows.lowerBound + rows.upperBound) / 2 * Double(length) * Double(steps) }
    }

    public var stepCount: Int { stages.reduce(0) { $0 + $1.steps } }

    /// The folder that paths in the recipe are relative to.
    public func resolve(_ path: String) -> URL {
        URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: file).deletingLastPathComponent())
            .standardizedFileURL
    }

    /// The model while a stage runs.
    public func configuration(of stage: Stage) -> ModelConfiguration {
        var configuration = model
        configuration.layerCount = stage.layers
        configuration.slidingWindows = Array(repeating: nil, count: stage.layers)
        configuration.rope.theta = stage.ropeTheta
        configuration.loops = stage.compute.loops
        return configuration
    }
}
