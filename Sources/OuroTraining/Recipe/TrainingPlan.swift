import Foundation
import Ouro
import OuroBenchmark

/// An estimate of the time, memory and operations that a recipe takes. Nothing is trained.
public struct TrainingPlan: Sendable {
    /// The estimate of one stage.
    public struct Stage: Sendable {
        /// The stage's name.
        public let name: String
        /// Number of steps.
        public let steps: Int
        /// Positions trained in all steps.
        public let tokens: Double
        /// Operations of the matrix products, forward and backward. A multiply-add counts as two.
        public let operations: Double
        /// Estimated seconds on this machine.
        public let seconds: Double
        /// Estimated peak memory in bytes: parameters, gradients, moments, and the activations of one micro-batch.
        public let memory: Double
    }

    /// Parameters of the model.
    public let parameters: Int
    /// The recipe's stages, in order.
    public let stages: [Stage]
    /// Estimated seconds of all stages on this machine.
    public var seconds: Double { stages.reduce(0) { $0 + $1.seconds } }
    /// Positions trained in all stages.
    public var tokens: Double { stages.reduce(0) { $0 + $1.tokens } }

    /// The fraction of the peak throughput that training is assumed to reach.
    static let efficiency = 0.6

    /// Estimates a recipe.
    ///
    /// - Parameters:
    ///   - recipe: the recipe.
    ///   - threads: the number of threads.
    ///   - operationsPerSecond: the peak throughput of the machine; nil measures it, which takes a few seconds.
    /// - Throws: `OuroError` with code `unsupported` if `OURO_ISA` names an instruction set that this machine lacks.
    public init(_ recipe: Recipe, threads: Int, operationsPerSecond: Double? = nil) throws(OuroError) {
        let compute = try Compute(threads: threads)
        let limits = MachineLimits(kernels: compute.kernels, pool: compute.pool)
        let speed = (operationsPerSecond ?? limits.multiplyAdds()) * Self.efficiency
        parameters = Self.parameterCount(recipe.model)
        stages = recipe.stages.map { stage in
            let configuration = recipe.configuration(of: stage)
            let cost = StepCost(configuration, length: stage.length, loops: stage.compute.loops)
            var perToken = stage.compute.objective.freezesModel ? cost.forwardOperations : cost.trainingOperations
            if stage.compute.activations == .recomputed, !stage.compute.objective.freezesModel {
                perToken += cost.forwardOperations
            }
            let operations = perToken * stage.tokens
            return Stage(
                name: stage.name, steps: stage.steps, tokens: stage.tokens, operations: operations,
                seconds: operations / speed,
                memory: Self.memory(of: stage, recipe, threads: threads))
        }
    }

    /// Estimated peak memory of a stage, in bytes.
    static func memory(of stage: Recipe.Stage, _ recipe: Recipe, threads: Int) -> Double {
        memory(
            recipe.configuration(of: stage), rows: stage.rows.upperBound, length: stage.length, stage.compute,
            lora: recipe.lora, threads: threads)
    }

    /// Checks that every stage fits into memory.
    ///
    /// - Throws: `OuroError` with code `memoryExceeded`, with the numbers, if a stage does not fit.
    static func checkMemory(
        _ recipe: Recipe, threads: Int, available: Int = Machine.current.availableMemory
    ) throws(OuroError) {
        for stage in recipe.stages {
            let bytes = memory(of: stage, recipe, threads: threads)
            try checkMemory(bytes, available: available, file: recipe.file, field: "stage '\(stage.name)'")
        }
    }

    static func checkMemory(
        _ bytes: Double, available: Int = Machine.current.availableMemory, file: String? = nil, field: String? = nil
    ) throws(OuroError) {
        guard bytes <= Double(available) else {
            throw OuroError(
                .memoryExceeded, file: file, field: field,
                "it needs \(memoryText(bytes)), but \(memoryText(Double(available))) are available; use a smaller "
                    + "micro-batch, or store fewer activations")
        }
    }

    private static func parameterCount(_ configuration: ModelConfiguration) -> Int {
        ParameterLayout(configuration).count
    }

    /// Floats of the parameters, their transposes and gradients, the moments, and the adapters.
    private static func parameterFloats(_ configuration: ModelConfiguration, lora: Recipe.LoraSettings?) -> Double {
        let all = 3 * Double(parameterCount(configuration))
        // Two moments.
        guard let lora else { return all + 2 * Double(parameterCount(configuration)) }
        // The frozen matrices. Each factor has a gradient and two moments.
        return lora.matrices(of: ParameterLayout(configuration)).reduce(all) {
            $0 + Double($1.range.count) + 4 * Double(lora.rank) * Double($1.shape[0] + $1.shape[1])
        }
    }

    /// Estimated peak memory of training, in bytes.
    ///
    /// - Parameters:
    ///   - configuration: the model.
    ///   - rows: sequences of a batch.
    ///   - length: positions of a sequence.
    ///   - settings: loops, micro-batch and activation storage.
    ///   - lora: the adapters to train; nil for the whole model.
    ///   - threads: the number of threads.
    static func memory(
        _ configuration: ModelConfiguration, rows: Int, length: Int, _ settings: StepSettings,
        lora: Recipe.LoraSettings?, threads: Int
    ) -> Double {
        let hidden = Double(configuration.hiddenSize)
        let queries = Double(configuration.headCount * configuration.headDimension)
        let keys = Double(configuration.keyValueHeadCount * configuration.headDimension)
        let mlp = Double(configuration.intermediateSize)
        let positions = Double(min(settings.microBatch, rows)) * Double(length)
        // Tokens, targets and starts of documents.
        let batch = 3 * Double(rows) * Double(length)
        // Must match the sizes in `LayerActivations`, `LayerScratch` and `LoopGradients`.
        let layer = 6 * hidden + 2 * queries + 2 * keys + 2 * mlp
        let loops = Double(settings.loops)
        let kept =
            switch settings.activations {
            case .f32: layer * Double(configuration.layerCount) * loops
            case .bf16: layer * (Double(configuration.layerCount) * loops / 2 + 1) + hidden
            case .recomputed: layer * Double(configuration.layerCount)
            }
        let scratch = 2 * hidden + 2 * queries + 2 * keys + 3 * mlp + (2 * loops + 2) * hidden
        let attention =
            Double(threads) * Double(length) * Double(2 * configuration.headDimension + 2 * 48)
        let chunk = Double(
            TrainingHead.chunk(vocabularySize: configuration.vocabularySize, positions: Int(min(positions, 0x1p40))))
        let head = chunk * Double(configuration.vocabularySize + 2 * configuration.hiddenSize)
        let step = positions * (kept + scratch) + attention + head
        return 4 * (parameterFloats(configuration, lora: lora) + batch + step)
    }

    private static func memoryText(_ bytes: Double) -> String {
        bytes < 0x1p30 ? String(format: "%.2f MiB", bytes / 0x1p20) : String(format: "%.2f GiB", bytes / 0x1p30)
    }

    /// The estimate as a text table.
    public var text: String {
        func count(_ value: Double) -> String {
            let units: [(Double, String)] = [
                (1e21, " Z"), (1e18, " E"), (1e15, " P"), (1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"),
            ]
            guard let (size, name) = units.first(where: { value >= $0.0 }) else { return String(format: "%.0f", value) }
            return String(format: "%.4g", value / size) + name
        }
        var lines = ["\(count(Double(parameters))) parameters"]
        let titles = ["stage", "steps", "tokens", "operations", "memory", "time"]
        var rows = [titles]
        for stage in stages {
            rows.append([
                stage.name, "\(stage.steps)", count(stage.tokens), count(stage.operations),
                Self.memoryText(stage.memory), StepReport.duration(stage.seconds),
            ])
        }
        rows.append([
            "all", "\(stages.reduce(0) { $0 + $1.steps })", count(tokens),
            count(stages.reduce(0) { $0 + $1.operations }),
            Self.memoryText(stages.map(\.memory).max() ?? 0), StepReport.duration(seconds),
        ])
        let widths = titles.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            lines.append(zip(row, widths).map { $0.rightAligned(in: $1) }.joined(separator: "  "))
        }
        return lines.joined(separator: "\n")
    }
}
