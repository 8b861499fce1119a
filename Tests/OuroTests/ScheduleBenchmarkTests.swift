import Foundation
import Synchronization
import Testing

@testable import Ouro
@testable import OuroBenchmark

/// Tests the benchmark of schedules.
///
/// The models are small. The clock moves by a millisecond at every reading, and a trial reads it once after every pass.
/// So every pass takes a millisecond, and a trial has the same number of passes in every run.
@Suite struct ScheduleBenchmarkTests {
    private static let trained = Benchmark.Subject.folder(Fixtures.url("code_lm"))

    private static func tiny() throws -> Benchmark.Subject { .random(try BenchmarkShape("2x64x2x128x256"), .f32) }

    private static func table(meanExits: [Double]? = nil) -> SimulationTable {
        SimulationTable(settled: [0.8, 0.9, 0.95, 1], meanExits: meanExits)
    }

    private final class Reports: Sendable {
        let all = Mutex<[ScheduleReport]>([])
    }

    private static func run(_ subject: Benchmark.Subject, _ plan: SchedulePlan) async throws -> [ScheduleReport] {
        let reports = Reports()
        var plan = plan
        plan.clock = TickingClock(.milliseconds(1)).clock
        try await Benchmark.run(subject, schedules: plan) { report in reports.all.withLock { $0.append(report) } }
        return reports.all.withLock { $0 }
    }

    private static func figures(_ subject: Benchmark.Subject, _ plan: SchedulePlan) async throws -> [ScheduleFigure] {
        try await run(subject, plan).compactMap {
            if case .schedule(let figure) = $0 { return figure }
            return nil
        }
    }

    @Test func schedulesAreComparedWithPlainDecoding() async throws {
        let plan = SchedulePlan(
            kinds: [.schedules], threads: 1, maxTokens: 40, exitThreshold: 0.3, freeRows: 16,
            seconds: 0.5)
        let figures = try await Self.figures(Self.trained, plan)
        try #require(
            figures.map(\.schedule) == ["plain", "exit", "wavefront", "exit+wavefront", "wavefront+lookup"])
        #expect(figures[0].passesPerToken == 4)
        #expect(figures[0].passRatio == 1 && figures[0].speedRatio == 1)
        #expect(figures[0].meanLoops == 4)
        #expect(figures[2].passesPerToken < 3, "the fixture's loops agree on most tokens")
        #expect(figures[4].passesPerToken < 3)
        for figure in figures {
            #expect(abs(figure.tokensPerSecond * figure.passesPerToken - 1000) < 1e-6, "\(figure)")
            #expect(abs(figure.passRatio * figure.passesPerToken - 4) < 1e-9, "\(figure)")
            #expect(abs(figure.speedRatio - figure.passRatio) < 1e-9, "\(figure)")
            #expect(figure.tokens == 40 && figure.streams == 1 && !figure.isSimulation, "\(figure)")
            #expect(figure.shape == "code_lm" && figure.weights == "bf16", "\(figure)")
        }
    }

    @Test func streamsShareTheirPasses() async throws {
        let plan = SchedulePlan(kinds: [.concurrency], threads: 1, maxTokens: 8, streams: [4, 2], seconds: 0.02)
        let figures = try await Self.figures(try Self.tiny(), plan)
        #expect(figures.map(\.streams) == [2, 4, 2, 4])
        #expect(figures.map(\.schedule) == ["plain", "plain", "wavefront", "wavefront"])
        #expect(figures[0].passesPerToken == 2, "two requests make two tokens in four passes")
        #expect(figures[1].passesPerToken == 1)
        #expect(figures[1].passRatio == 4, "against one stream, which is measured even if it is not asked for")
    }

    @Test func aSimulationComparesEveryMeanExit() async throws {
        let plan = SchedulePlan(
            kinds: [.simulation], threads: 1, maxTokens: 40, table: Self.table(meanExits: [1.5, 2]), freeRows: 16,
            seconds: 0.02)
        let figures = try await Self.figures(try Self.tiny(), plan)
        #expect(
            figures.map(\.schedule)
                == ["plain", "wavefront", "exit", "exit+wavefront", "exit", "exit+wavefront"])
        #expect(figures.allSatisfy { $0.isSimulation && $0.settled == plan.table.settled })
        #expect(figures[0].passesPerToken == 4)
        #expect(figures[4].passesPerToken == 2 && figures[4].meanLoops == 2)
    }

    /// Counts passes up to the last token, without a time limit.
    @Test func aSimulationTakesThePassesOfItsTable() async throws {
        try await Benchmark.onThread { try Self.checkPassesOfTable() }
    }

    private static func checkPassesOfTable() throws {
        func trial(meanExit: Double? = nil, wavefront: Bool) throws -> ScheduleTrial {
            let bench = try ScheduleBenchmark(
                try Self.tiny(), plan: SchedulePlan(kinds: [.simulation], threads: 1, maxTokens: 100),
                kernels: Kernels.select(nil)
            ) { _ in }
            let request = bench.request(exit: meanExit == nil ? .allLoops : SimulatedDevice.exit, wavefront: wavefront)
            let device = SimulatedDevice(bench.model.device, table: Self.table(), meanExit: meanExit)
            return try ScheduleTrial([([0, 1, 2], request)], device: device, freeRows: 16, seconds: .infinity)
        }
        #expect(try trial(wavefront: false).passesPerToken == 4)
        // A token starts for the last time one pass after its predecessor settles. On average that takes this many
        // passes: 0.8 * 1 + 0.1 * 2 + 0.05 * 3 + 0.05 * 4.
        let wavefront = try trial(wavefront: true)
        #expect(wavefront.tokenCount == 100)
        #expect(abs(wavefront.passesPerToken - 1.35) < 0.05, "\(wavefront.passesPerToken)")
        for mean in [1.5, 2] {
            let (exit, both) = (try trial(meanExit: mean, wavefront: false), try trial(meanExit: mean, wavefront: true))
            #expect(abs(exit.passesPerToken - mean) < 0.03, "\(exit.passesPerToken)")
            #expect(abs(exit.meanLoops - mean) < 0.03, "\(exit.meanLoops)")
            #expect(both.passesPerToken < exit.passesPerToken)
            #expect(both.meanLoops == exit.meanLoops)
        }
    }

    @Test func aSimulationMayHaveOtherLoopsThanItsShape() async throws {
        let plan = SchedulePlan(
            kinds: [.simulation], threads: 1, maxTokens: 12, table: SimulationTable(settled: [0.5, 1]), seconds: 0.01)
        let figures = try await Self.figures(try Self.tiny(), plan)
        #expect(figures.map(\.schedule) == ["plain", "wavefront", "exit", "exit+wavefront"])
        #expect(figures[0].passesPerToken == 2)
    }

    @Test func agreementIsCountedLoopByLoop() {
        var tally = AgreementTally(loops: 4)
        for (argmax, exit) in [([7, 7, 7, 7], 1), ([1, 7, 2, 7], 2), ([1, 1, 7, 7], 4), ([7, 7, 7, 7], 2)] {
            tally.add(
                ScoredPosition(
                    position: 0, token: 0, logProbabilities: nil, gate: [], exitDistribution: [], exitLoop: exit,
                    argmax: argmax, alternatives: []))
        }
        let figure = tally.figure(Self.emptyFigure)
        #expect(figure.positions == 4)
        #expect(figure.agreement == [0.5, 0.75, 0.75, 1])
        #expect(figure.settled == [0.5, 0.5, 0.75, 1], "a prediction that leaves and returns has not settled")
        #expect(figure.meanSettlingLoop == 2.25, "loops 1, 4, 3, 1")
        #expect(figure.exits == [0.25, 0.5, 0, 0.25])
        #expect(figure.meanExitLoop == 2.25, "loops 1, 2, 4, 2")
    }

    private static let emptyFigure = AgreementFigure(
        shape: "", weights: nil, threads: 1, isGenerated: true, positions: 0, agreement: [], settled: [],
        meanSettlingLoop: 0, exitThreshold: 1, exits: [], meanExitLoop: 0)

    /// The figure must equal what scoring the same tokens with an engine gives.
    @Test(arguments: [nil, String(repeating: "let x = [1, 2, 3]\n", count: 20)])
    func agreementIsThatOfTheScores(text: String?) async throws {
        let plan = SchedulePlan(kinds: [.agreement], threads: 1, maxTokens: 60, text: text, kvType: .f32)
        let reports = try await Self.run(Self.trained, plan)
        guard case .agreement(let figure)? = reports.first, reports.count == 1 else {
            Issue.record("expected one figure of agreement, found \(reports)")
            return
        }
        let engine = try Engine(
            modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1, kvType: .f32))
        var scores: [ScoredPosition] = []
        if let text {
            // The benchmark scores windows of 256 tokens.
            let tokens = try engine.tokens(of: .text(text))
            for first in stride(from: 0, to: tokens.count, by: 256) {
                scores += try await engine.score(.tokens(Array(tokens[first...].prefix(256))))
            }
        } else {
            let prompt = try engine.tokens(of: .text(SchedulePlan.prompt))
            let request = GenerationRequest(.tokens(prompt), maxTokens: 60, ignoresEndOfText: true)
            let written = try await engine.generate(request).reduce(into: []) { $0.append($1.id) }
            scores = Array(try await engine.score(.tokens(prompt + written)).dropFirst(prompt.count - 1).dropLast())
        }
        #expect(figure.positions == scores.count && figure.isGenerated == (text == nil))
        for loop in 0..<4 {
            let agreeing = scores.count { $0.argmax[loop] == $0.argmax[3] }
            let settled = scores.count { score in score.argmax[loop...].allSatisfy { $0 == score.argmax[3] } }
            #expect(figure.agreement[loop] == Double(agreeing) / Double(scores.count), "loop \(loop + 1)")
            #expect(figure.settled[loop] == Double(settled) / Double(scores.count), "loop \(loop + 1)")
        }
        #expect(figure.exitThreshold == 0.5)
        #expect(abs(figure.exits.reduce(0, +) - 1) < 1e-9)
    }

    @Test func rowsAreFreeOnTheFlatPartOfTheCurve() {
        func free(_ seconds: Double..., loops: Int = 1) -> Int {
            CostCurve(points: zip([1, 2, 4, 8], seconds).map { (rows: $0, seconds: $1) }).freeRows(loops: loops)
        }
        #expect(free(1, 1, 1.4, 2) == 4)
        #expect(free(1, 2, 4, 8) == 1)
        #expect(free(1, 9, 1.2, 2) == 4, "two rows were held up")
        #expect(free(7, 1, 1.2, 2) == 4, "one row was held up")
        #expect(CostCurve(points: []).freeRows(loops: 4) == 1)
    }

    @Test func aWavefrontHasARowForEveryLoopWhereThatPays() {
        func free(_ seconds: Double..., loops: Int) -> Int {
            CostCurve(points: zip([1, 2, 4, 8], seconds).map { (rows: $0, seconds: $1) }).freeRows(loops: loops)
        }
        #expect(free(1, 1.6, 2.5, 5, loops: 4) == 4, "steep, but far from four times one row")
        #expect(free(1, 1.9, 3.8, 7.5, loops: 4) == 1, "as long as one after the other")
        #expect(free(1, 1.6, 2.2, 5, loops: 3) == 3, "three rows take no longer than four")
        #expect(free(1, 1, 1, 1.4, loops: 4) == 8, "the flat part is longer")
        #expect(free(1, 1.6, 2.5, 5, loops: 16) == 1, "what sixteen rows take was not measured")
    }

    @Test func theCostOfRowsIsWhatTheDeviceSays() {
        let device = ScriptedDevice()
        let curve = CostCurve(measuring: device)
        #expect(curve.points.map(\.rows) == [1, 2, 4, 8, 12, 16, 24, 32])
        #expect(curve.points.map(\.seconds) == Array(repeating: 1, count: 8), "the scripted device says so")
        #expect(curve.freeRows(loops: 4) == 32)
    }

    @Test func outputsThatDifferAreAnError() {
        #expect(throws: Never.self) {
            try ScheduleBenchmark.checkEqual(("plain", [[1, 2, 3]]), ("wavefront", [[1, 2, 3, 4]]))
        }
        let error = #expect(throws: OuroError.self) {
            try ScheduleBenchmark.checkEqual(("plain", [[1], [1, 2]]), ("wavefront", [[1], [1, 5]]))
        }
        #expect(error?.code == .scheduleMismatch)
        #expect(error?.description.contains("request 2") == true)
        #expect(error?.description.contains("token 2 is 2 with plain, 5 with wavefront") == true)
    }

    @Test func plansThatMakeNoSenseAreRefused() async throws {
        let changes: [(field: String, isTrained: Bool, change: (inout SchedulePlan) -> Void)] = [
            ("threads", false, { $0.threads = 0 }), ("max_tokens", false, { $0.maxTokens = 2 }),
            ("draft_tokens", false, { $0.draftTokens = 0 }), ("streams", false, { $0.streams = [1, 0] }),
            ("streams", false, { $0.streams = [] }), ("seconds", false, { $0.seconds = 0 }),
            ("free_rows", false, { $0.freeRows = -1 }), ("exit_threshold", false, { $0.exitThreshold = -1 }),
            // Random weights have no tokenizer.
            ("prompt", false, { $0.prompt = "text" }),
            ("text", false, { ($0.kinds, $0.text) = ([.agreement], "text") }),
            ("prompt", true, { $0.prompt = "" }), ("text", true, { ($0.kinds, $0.text) = ([.agreement], "x") }),
            ("prompt", true, { $0.maxTokens = 2048 }),
            ("agreement", false, { $0.table = SimulationTable(settled: []) }),
            ("agreement", false, { $0.table = SimulationTable(settled: [0.9, 0.8, 1]) }),
            ("agreement", false, { $0.table = SimulationTable(settled: [0.5, 0.9]) }),
            ("agreement", false, { $0.table = SimulationTable(settled: [.nan, 1]) }),
            ("exits", false, { $0.table = SimulationTable(meanExits: [5]) }),
        ]
        let tiny = try Self.tiny()
        for (index, (field, isTrained, change)) in changes.enumerated() {
            var plan = SchedulePlan(kinds: [.schedules], threads: 1, seconds: 0.01)
            change(&plan)
            let error = await #expect(throws: OuroError.self, "change \(index), \(field)") {
                try await Self.run(isTrained ? Self.trained : tiny, plan)
            }
            #expect(error?.field == field, "change \(index): \(error?.description ?? "nothing")")
        }
    }
}
