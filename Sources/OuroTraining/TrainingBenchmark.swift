import Foundation
import Ouro
import OuroBenchmark
import OuroData

/// Measures the throughput of training steps relative to the machine's peak multiply-add throughput.
///
/// The peak is measured before and after every step, so that both figures come from the same moment.
package struct TrainingBenchmark: Sendable {
    /// The model to train. Its weights are random.
    package var configuration: ModelConfiguration
    /// Sequences of a batch.
    package var rows: Int
    /// Positions of a sequence.
    package var length: Int
    /// Sequences of a micro-batch.
    package var microBatch: Int
    /// How activations are stored for the backward pass.
    package var activations: ActivationStorage

    /// The measurement of one step.
    package struct Measurement: Sendable {
        package let seconds: Double
        /// Throughput of the matrix products, forward and backward. A multiply-add counts as two operations.
        package let operationsPerSecond: Double
        /// Peak throughput of independent multiply-adds in registers, in operations per second: the mean of the
        /// measurements before and after the step.
        package let limit: Double
        /// Positions trained per second.
        package let tokensPerSecond: Double
        /// The measured throughput divided by the peak.
        package var fraction: Double { operationsPerSecond / limit }
    }

    /// Makes a benchmark.
    ///
    /// - Parameters:
    ///   - configuration: the model to train.
    ///   - rows: sequences of a batch.
    ///   - length: positions of a sequence.
    ///   - microBatch: sequences of a micro-batch.
    ///   - activations: how activations are stored for the backward pass.
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
    /// - Parameters:
    ///   - steps: the number of measured steps.
    ///   - threads: the number of threads.
    ///   - report: called after every measured step. An error that it throws ends the run.
    /// - Returns: one measurement per step.
    /// - Throws: `OuroError` if the configuration is invalid, or with code `memoryExceeded` if the step does not fit
    ///   into memory.
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
