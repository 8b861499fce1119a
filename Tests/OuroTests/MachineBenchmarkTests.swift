import Foundation
import Synchronization
import Testing

@testable import Ouro
@testable import OuroBenchmark

/// Tests the benchmark that compares passes, decoding and prefill with the machine's limits.
///
/// The models are small. The clock moves by a second at every reading, so everything takes a second and every figure is
/// exact.
@Suite struct MachineBenchmarkTests {
    private final class Log: Sendable {
        let figures = Mutex<[BenchmarkFigure]>([])
        let progress = Mutex<[(what: String, fraction: Double)]>([])
    }

    private static func run(_ weights: WeightType, _ plan: BenchmarkPlan) async throws -> Log {
        let log = Log()
        var plan = plan
        plan.clock = TickingClock(.seconds(1)).clock
        try await Benchmark.run(
            .random(try BenchmarkShape("2x64x2x128x256"), weights), plan: plan,
            progress: { what, fraction in log.progress.withLock { $0.append((what, fraction)) } },
            report: { figure in log.figures.withLock { $0.append(figure) } })
        return log
    }

    @Test(arguments: [WeightType.f32, .bf16, .q8, .q4])
    func everyFigureIsHeldAgainstItsLimit(weights: WeightType) async throws {
        let plan = BenchmarkPlan(threads: 2, rows: [1, 3], chunks: [5], contexts: [9], seconds: 0.001)
        let log = try await Self.run(weights, plan)
        let figures = log.figures.withLock { $0 }
        let names = figures.map { "\($0.name) \($0.threads) \($0.rows ?? 0) \($0.chunk ?? 0) \($0.context ?? 0)" }
        #expect(
            names == [
                "load 2 0 0 0", "memory 2 0 0 0",
                "bandwidth 1 0 0 0", "multiply-add 1 0 0 0", "int8-dot 1 0 0 0",
                "bandwidth 2 0 0 0", "multiply-add 2 0 0 0", "int8-dot 2 0 0 0",
                "pass 2 1 0 0", "pass 2 3 0 0", "decode 2 1 0 1", "decode 2 1 0 9",
                "prefill 2 0 5 5", "prefill 2 0 5 9",
            ])
        for figure in figures {
            switch figure.name {
            case "pass": #expect(figure.value == 1000, "\(figure)")
            case "decode": #expect(figure.value == 1, "\(figure)")
            case "prefill": #expect(figure.value == 5, "\(figure)")
            default: #expect(figure.limit == nil && figure.fraction == nil, "\(figure)")
            }
            guard let limit = figure.limit, let fraction = figure.fraction else { continue }
            // The unit of a pass is milliseconds. The unit of the others is tokens per second.
            let expected = figure.name == "pass" ? limit / figure.value : figure.value / limit
            #expect(abs(fraction / expected - 1) < 1e-9, "\(figure)")
        }
        #expect(figures.count { $0.limit != nil } == 6)
        let several = try #require(figures.first { $0.rows == 3 })
        #expect(several.timesOneRow == 1)
        // Three rows take at most three times the arithmetic, and read the weights as often as one row.
        #expect((1...3.001).contains(try #require(several.leastTimesOneRow)))
        #expect(figures.allSatisfy { $0.rows == 3 || ($0.timesOneRow == nil && $0.leastTimesOneRow == nil) })
    }

    @Test func progressGoesFromNothingToTheLastMeasurement() async throws {
        let plan = BenchmarkPlan(kinds: [.pass, .decode], threads: 1, rows: [1, 2], contexts: [4], seconds: 0.001)
        let progress = try await Self.run(.bf16, plan).progress.withLock { $0 }
        #expect(progress.first?.what == "loading")
        #expect(progress.map(\.fraction) == progress.map(\.fraction).sorted())
        #expect(progress.allSatisfy { (0...1).contains($0.fraction) })
        var names: [String] = []
        for step in progress where names.last != step.what { names.append(step.what) }
        #expect(names == ["loading", "pass, rows 1", "pass, rows 2", "decode, context 1", "decode, context 4"])
    }
}
