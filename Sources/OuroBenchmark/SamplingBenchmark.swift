import Foundation
import Ouro

/// How long it takes to read rows of logits with one kind of choice, in microseconds for a row.
package struct SamplingFigure: Sendable, Equatable {
    /// How tokens are chosen: `greedy`, `temperature`, `top-k 50`, `top-p 0.95`, `min-p 0.05`, `penalties` or `all`.
    package var choice: String
    /// The distribution of the logits: `peaked` or `flat`.
    package var logits: String
    /// Logits of a row.
    package var vocabulary: Int
    package var threads: Int
    /// One row, which the threads share, with the log-probability of its token.
    package var row: Double
    /// The same without the log-probability, as for a guess of the wavefront.
    package var guess: Double
    /// One of ``SamplingPlan/batch`` rows that are read together, with log-probabilities.
    package var batched: Double
}

/// What to measure of sampling. It needs no model.
package struct SamplingPlan: Sendable {
    /// Rows of a batch.
    package static let batch = 16

    /// Logits of a row.
    package var vocabulary: Int
    package var threads: Int
    /// Duration of each measurement, in seconds.
    package var seconds: Double
    /// Instruction set of the kernels. By default the one in `OURO_ISA`, otherwise the best of this machine.
    package var instructionSet: String?
    package var clock = BenchmarkClock.machine

    package init(vocabulary: Int = 49_152, threads: Int? = nil, seconds: Double = 0.3) {
        self.vocabulary = vocabulary
        self.threads = threads ?? Machine.current.coreCount
        self.seconds = seconds
    }

    /// Checks all values.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` for the first invalid value.
    func validate() throws(OuroError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(OuroError) {
            guard !range.contains(value) else { return }
            throw OuroError(
                .invalidRequest, field: name, "expected \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        try check("vocabulary", vocabulary, 1...1 << 22)
        try check("threads", threads, 1...1024)
        guard seconds > 0, seconds <= 3600 else {
            throw OuroError(
                .invalidRequest, field: "seconds", "expected more than 0 and at most 3600, found \(seconds)")
        }
    }
}

extension Benchmark {
    /// Measures the time from logits to tokens, on its own thread. Reports every figure immediately.
    ///
    /// - Parameters:
    ///   - plan: what to measure.
    ///   - report: called after every figure. An error that it throws ends the run.
    /// - Throws: `OuroError` for an invalid plan, before anything is measured.
    package static func run(
        sampling plan: SamplingPlan, report: @escaping @Sendable (SamplingFigure) throws(OuroError) -> Void
    ) async throws {
        try plan.validate()
        let kernels = try Kernels.select(plan.instructionSet)
        try await onThread { try SamplingBenchmark(plan, kernels: kernels).run(report) }
    }
}

/// Reads the same logits again and again, at other positions.
private struct SamplingBenchmark {
    private let plan: SamplingPlan
    private let pool: WorkerPool
    private let reader: LogitReader

    init(_ plan: SamplingPlan, kernels: Kernels) {
        self.plan = plan
        pool = WorkerPool(threadCount: plan.threads)
        reader = LogitReader(kernels: kernels, threads: plan.threads, vocabularySize: plan.vocabulary)
    }

    func run(_ report: (SamplingFigure) throws(OuroError) -> Void) throws(OuroError) {
        for isPeaked in [true, false] {
            let rows = logits(isPeaked: isPeaked)
            for (choice, sampler) in samplers {
                try report(
                    SamplingFigure(
                        choice: choice, logits: isPeaked ? "peaked" : "flat", vocabulary: plan.vocabulary,
                        threads: plan.threads, row: microseconds(rows, 1, sampler, isGuess: false),
                        guess: microseconds(rows, 1, sampler, isGuess: true),
                        batched: microseconds(rows, SamplingPlan.batch, sampler, isGuess: false)))
            }
        }
    }

    /// The median time of a row, in microseconds.
    private func microseconds(_ rows: FloatRows, _ count: Int, _ sampler: Sampler, isGuess: Bool) -> Double {
        let start = plan.clock.now()
        var times: [Double] = []
        var results: [ReadoutResult] = []
        while times.count < 4 || plan.clock.seconds(since: start) < plan.seconds {
            let readouts = (0..<count).map { row in
                var readout = Readout(slot: SlotID(row))
                if !sampler.takesLargestLogit {
                    readout.choice = .sampled(sampler, position: times.count * count + row, pending: [])
                }
                readout.reportsLogProbability = !isGuess
                return readout
            }
            let seconds = plan.clock.seconds {
                results.removeAll(keepingCapacity: true)
                reader.read(rows, readouts[...], pool: pool, results: &results)
            }
            times.append(seconds)
        }
        // The first times also touch memory and wake threads.
        let steady = times.dropFirst().sorted()
        return steady[steady.count / 2] / Double(count) * 1e6
    }

    /// The samplers to measure. Penalties see a context of 1,024 tokens and an output of 256.
    private var samplers: [(String, Sampler)] {
        let penalised = SamplingParameters(
            temperature: 1, repetitionPenalty: 1.1, presencePenalty: 0.5, frequencyPenalty: 0.2, seed: 1)
        var all = penalised
        (all.topK, all.topP, all.minP) = (50, 0.95, 0.05)
        let settings: [(String, SamplingParameters)] = [
            ("greedy", SamplingParameters()), ("temperature", SamplingParameters(temperature: 1, seed: 1)),
            ("top-k 50", SamplingParameters(temperature: 1, topK: 50, seed: 1)),
            ("top-p 0.95", SamplingParameters(temperature: 1, topP: 0.95, seed: 1)),
            ("min-p 0.05", SamplingParameters(temperature: 1, minP: 0.05, seed: 1)), ("penalties", penalised),
            ("all", all),
        ]
        return settings.map { name, parameters in
            var sampler = Sampler(parameters, prompt: (0..<1024).map { $0 * 37 % plan.vocabulary })
            for index in 0..<256 { sampler.append(index * 101 % plan.vocabulary) }
            return (name, sampler)
        }
    }

    /// Rows of logits. Peaked: a normal distribution with a standard deviation of 3, and eight logits that are 6 to 13
    /// larger. Flat: a normal distribution with a standard deviation of 0.01.
    private func logits(isPeaked: Bool) -> FloatRows {
        let rows = FloatRows(rows: SamplingPlan.batch, columns: plan.vocabulary)
        var state: UInt64 = 1
        func uniform() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (Double(state >> 11) + 0.5) * 0x1p-53
        }
        for row in 0..<SamplingPlan.batch {
            let logits = rows.row(row)
            for token in 0..<plan.vocabulary {
                let normal = (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())
                logits[token] = Float(normal * (isPeaked ? 3 : 0.01))
            }
            guard isPeaked else { continue }
            for index in 0..<8 { logits[Int(uniform() * Double(plan.vocabulary))] += Float(6 + index) }
        }
        return rows
    }
}
