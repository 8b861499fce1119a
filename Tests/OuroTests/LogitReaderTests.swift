import AllocationCounter
import Testing

@testable import Ouro
@testable import OuroBenchmark

@Suite struct LogitReaderTests {
    private static let vocabulary = 20_000

    private static func sampler(_ parameters: SamplingParameters) -> Sampler {
        var sampler = Sampler(parameters, prompt: [1, 2, 3])
        sampler.append(5)
        return sampler
    }

    private static let settings: [SamplingParameters] = [
        SamplingParameters(), SamplingParameters(temperature: 1, seed: 3),
        SamplingParameters(temperature: 0.8, topK: 50, seed: 3),
        SamplingParameters(temperature: 1.2, topP: 0.95, seed: 3),
        SamplingParameters(
            temperature: 1, topK: 100, topP: 0.9, minP: 0.01, repetitionPenalty: 1.2, presencePenalty: 0.1,
            frequencyPenalty: 0.1, logitBias: [7: 3], seed: 3),
    ]

    private static func rows(_ count: Int) -> FloatRows {
        var random = SeededRandom(seed: 21)
        let rows = FloatRows(rows: count, columns: vocabulary)
        for row in 0..<count {
            let logits = LogitRows.make(.peaked, count: vocabulary, &random)
            rows.row(row).update(from: logits, count: vocabulary)
        }
        return rows
    }

    private static func readouts(_ count: Int) -> [Readout] {
        (0..<count).map { row in
            var readout = Readout(slot: SlotID(row))
            let sampler = sampler(settings[row % settings.count])
            if !sampler.takesLargestLogit { readout.choice = .sampled(sampler, position: row, pending: [9]) }
            readout.reportsLogProbability = row % 2 == 0
            readout.alternatives = row % 3 == 0 ? 2 : 0
            return readout
        }
    }

    @Test func resultsDependOnTheRowAlone() throws {
        let rows = Self.rows(5)
        let readouts = Self.readouts(5)
        var all: [[ReadoutResult]] = []
        for threads in [1, 2, 3, 8] {
            let pool = WorkerPool(threadCount: threads)
            let reader = LogitReader(kernels: .available[0], threads: threads, vocabularySize: Self.vocabulary)
            var results: [ReadoutResult] = []
            reader.read(rows, readouts[...], pool: pool, results: &results)
            all.append(results)
        }
        #expect(all.allSatisfy { $0 == all[0] })
        #expect(all[0].allSatisfy { $0.token != nil })
        for (result, readout) in zip(all[0], readouts) {
            #expect((result.logProbability != 0) == readout.reportsLogProbability, "\(result.logProbability)")
            #expect(result.alternatives.count == readout.alternatives)
        }
    }

    /// A mask forbids tokens one by one, in whole words, and in the last, incomplete word.
    @Test func masksForbidTokens() {
        for count in [1, 63, 64, 65, 200] {
            for allowed in [[0], [count - 1], [0, count / 2, count - 1], Array(0..<count)] {
                var mask = TokenMask(vocabularySize: count, allowsAll: false)
                for token in allowed { mask[token] = true }
                var logits = [Float](repeating: 1, count: count)
                logits.withUnsafeMutableBufferPointer { mask.forbid(in: $0) }
                #expect(logits.indices.filter { logits[$0] == 1 } == Array(Set(allowed)).sorted())
                #expect(logits.allSatisfy { $0 == 1 || $0 == -.infinity })
            }
        }
    }

    /// Unoptimised code allocates closures and iterators, of a few hundred bytes at most. A row has 80 kB.
    @Test(
        .enabled(if: allocation_counter_works() == 1, "allocations are counted with glibc only"),
        arguments: settings.indices)
    func nothingIsAllocatedForARow(setting: Int) {
        let rows = Self.rows(1)
        let pool = WorkerPool(threadCount: 1)
        let reader = LogitReader(kernels: .available[0], threads: 1, vocabularySize: Self.vocabulary)
        var readout = Readout(slot: SlotID(0))
        readout.choice = .sampled(Self.sampler(Self.settings[setting]), position: 4, pending: [9])
        let readouts = [readout]
        var results: [ReadoutResult] = []
        for _ in 0..<2 {
            watch_allocations()
            results.removeAll(keepingCapacity: true)
            reader.read(rows, readouts[...], pool: pool, results: &results)
        }
        #expect(largest_allocation() < 4096)
        #expect(results[0].token != nil)
        watch_allocations()
        let copy = rows.values(0)
        #expect(largest_allocation() >= 4 * copy.count, "a copy of the row was not noticed")
    }
}

@Suite struct SamplingBenchmarkTests {
    private final class Log: @unchecked Sendable {
        var figures: [SamplingFigure] = []
    }

    /// Every call takes a millisecond by this clock.
    @Test func everyChoiceIsMeasured() async throws {
        var plan = SamplingPlan(vocabulary: 300, threads: 2, seconds: 0.001)
        plan.clock = TickingClock(.milliseconds(1)).clock
        let log = Log()
        try await Benchmark.run(sampling: plan) { log.figures.append($0) }
        let choices = ["greedy", "temperature", "top-k 50", "top-p 0.95", "min-p 0.05", "penalties", "all"]
        #expect(log.figures.map(\.choice) == choices + choices)
        #expect(log.figures.map(\.logits) == choices.map { _ in "peaked" } + choices.map { _ in "flat" })
        for figure in log.figures {
            #expect(abs(figure.row - 1000) < 1e-6 && abs(figure.guess - 1000) < 1e-6, "\(figure)")
            #expect(abs(figure.batched - 1000 / Double(SamplingPlan.batch)) < 1e-6, "\(figure)")
            #expect(figure.vocabulary == 300 && figure.threads == 2, "\(figure)")
        }
    }

    @Test func wrongPlansAreRefused() async {
        for (plan, field) in [
            (SamplingPlan(vocabulary: 0), "vocabulary"), (SamplingPlan(threads: 0), "threads"),
            (SamplingPlan(seconds: 0), "seconds"),
        ] {
            let error = await #expect(throws: OuroError.self) {
                try await Benchmark.run(sampling: plan) { _ in }
            }
            #expect(error?.field == field)
        }
    }
}
