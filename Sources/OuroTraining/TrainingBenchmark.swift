import Foundation
import Ouro
import OuroBenchmark
import OuroData

/// Measures training steps against the machine's own multiply-adds, which are measured in turn with them.
package struct TrainingBenchmark: Sendable {
    package var configuration: ModelConfiguration
    package var rows: Int
    package var length: Int
    package var microBatch: Int
    package var activations: ActivationStorage

    /// One step: what was done and what could have been done in the same time.
    package struct Measurement: Sendable {
        package let seconds: Double
        /// Of the products of forward and backward; a multiply-add counts as two.
        package let operationsPerSecond: Double
        /// The same of independent multiply-adds in registers, measured before and after the step.
        package let limit: Double
        package let tokensPerSecond: Double
        package var fraction: Double { operationsPerSecond / limit }
    }

    package init(
        configuration: ModelConfiguration, rows: Int, length: Int, microBatch: Int,
        activations: ActivationStorage = .f32
    ) {
        self.configuration = configuration
        self.rows = rows
        self.length = length
        self.microBatch = microBatch
        self.activations = activations
    }

    /// Trains `steps` steps with the stage I objective on random tokens. One more step runs first and is not measured.
    ///
    /// - Parameter report: gets every step; what it throws ends the run.
    /// - Throws: ``OuroError`` if the configuration is not that of a model, or with code `memoryExceeded`.
    package func run(
        steps: Int, threads: Int, report: (Measurement) throws(OuroError) -> Void = { _ in }
    ) throws(OuroError) -> [Measurement] {
        try configuration.validate()
        let settings = StepSettings(
            loops: configuration.loops, objective: .expectedLoss(beta: 0.1), microBatch: microBatch,
            activations: activations)
        try TrainingPlan.checkMemory(
            TrainingPlan.memory(configuration, rows: rows, length: length, settings, lora: nil, threads: threads))
        let compute = try Compute(threads: threads)
        let model = TrainableModel(configuration, compute: compute)
        model.initialise(seed: 1)
        let optimizer = AdamW(model.trainables, settings: OptimizerSettings())
        let step = TrainingStep(model)
        var batch = TrainingBatch(rows: rows, length: length)
        var metrics = StepMetrics(loops: settings.loops)
        var random = NormalNoise(seed: 7, stream: 0)
        for index in batch.tokens.indices {
            batch.tokens[index] = Int32(abs(random.next() * 1000)) % Int32(configuration.vocabularySize)
        }
        for index in batch.tokens.indices.dropLast() { batch.targets[index] = batch.tokens[index + 1] }
        let limits = MachineLimits(kernels: compute.kernels, pool: compute.pool)
        let operations =
            StepCost(configuration, length: length, loops: settings.loops).trainingOperations
            * Double(rows * length)
        var result: [Measurement] = []
        var before = limits.multiplyAdds()
        for index in 0...steps {
            let seconds = BenchmarkClock.machine.seconds {
                step.computeGradients(batch, settings, metrics: &metrics)
                optimizer.update(rate: 1e-4, gradientNorm: optimizer.gradientNorm(gateOnly: false), gateOnly: false)
                model.parametersChanged()
            }
            let after = limits.multiplyAdds()
            if index > 0 {
                let measurement = Measurement(
                    seconds: seconds, operationsPerSecond: operations / seconds, limit: (before + after) / 2,
                    tokensPerSecond: Double(rows * length) / seconds)
                result.append(measurement)
                try report(measurement)
            }
            before = after
        }
        return result
    }
}
