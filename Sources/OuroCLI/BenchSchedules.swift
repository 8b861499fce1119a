import ArgumentParser
import Foundation
import Ouro
import OuroBenchmark

/// The options of `ouro bench` that belong to schedules.
struct ScheduleOptions: ParsableArguments {
    @Option(
        help:
            "schedules, agreement: the prompt (default: a few lines of Swift; for ouro-tiny the beginning of a story)."
    )
    var prompt: String?

    @Option(parsing: .unconditional, help: "schedules, concurrency, simulation: maximum number of tokens per request.")
    var maxTokens = 128

    @Option(parsing: .unconditional, help: "schedules: draft tokens that prompt lookup proposes at a time.")
    var draftTokens = 4

    @Option(
        parsing: .unconditional,
        help: "schedules, agreement: the exit threshold (default: the model's own threshold, 0.5 if it has none).")
    var exitThreshold: Float?

    @Option(
        help: ArgumentHelp(
            "concurrency: concurrent requests (default: 1,2,4,8,16,32,64).", valueName: "1,2,..."))
    var streams: String?

    @Option(
        help: ArgumentHelp(
            "agreement: the text to predict; - is standard input (default: the model's own output).", valueName: "file")
    )
    var text: String?

    @Option(
        help: ArgumentHelp(
            "simulation: fraction of predictions that have settled after each loop (default: measured on the model).",
            valueName: "0.8,...,1"))
    var agreement: String?

    @Option(
        help: ArgumentHelp(
            "simulation: mean exit loops (default: 1.5,2,3).", valueName: "1.5,..."))
    var exits: String?

    @Option(
        parsing: .unconditional,
        help: "A pass takes guesses only up to this number of rows (default: measured, as the engine does).")
    var freeRows: Int?

    func plan(kinds: Set<SchedulePlan.Kind>, threads: Int?, seconds: Double, kvType: KVType?) throws -> SchedulePlan {
        var plan = SchedulePlan(
            kinds: kinds, threads: threads, prompt: prompt, maxTokens: maxTokens, draftTokens: draftTokens,
            exitThreshold: exitThreshold, seconds: seconds, kvType: kvType)
        plan.freeRows = freeRows
        if let streams { plan.streams = try NumberList.integers(streams, "--streams") }
        if let agreement { plan.table.settled = try NumberList.numbers(agreement, "--agreement", example: "0.8,1") }
        if let exits { plan.table.meanExits = try NumberList.numbers(exits, "--exits", example: "0.8,1") }
        return plan
    }
}

/// Runs measurements of schedules and prints them.
struct ScheduleBench {
    let options: ScheduleOptions
    let plan: SchedulePlan
    /// The folder of a trained model, for the measurements that need one.
    let model: URL
    /// The default prompt for the trained model. With nil, the plan chooses.
    let modelPrompt: String?
    /// Models with random weights. The simulation uses them. The other measurements use them with `prefersRandom`.
    let random: [Benchmark.Subject]
    let prefersRandom: Bool
    let json: Bool

    func run() async throws {
        var plan = plan
        if let text = options.text { plan.text = try InputText.read(file: text) }
        let printer = SchedulePrinter(json: json)
        for kind in SchedulePlan.Kind.allCases where plan.kinds.contains(kind) {
            var single = plan
            single.kinds = [kind]
            if kind == .simulation, options.agreement == nil {
                single.table.settled = try await measured(.folder(model), plan: single)
            }
            let isRandom = kind == .simulation || prefersRandom
            if !isRandom { single.prompt = plan.prompt ?? modelPrompt }
            for subject in isRandom ? random : [.folder(model)] {
                try await Benchmark.run(subject, schedules: single) { report throws(OuroError) in
                    try printer.show(report)
                }
            }
        }
    }

    /// Measures the fraction of predictions that have settled after each loop.
    private func measured(_ subject: Benchmark.Subject, plan: SchedulePlan) async throws -> [Double] {
        var plan = plan
        plan.kinds = [.agreement]
        plan.prompt = plan.prompt ?? modelPrompt
        let shares = SettledShares()
        try await Benchmark.run(subject, schedules: plan) { report in
            if case .agreement(let figure) = report { shares.values = figure.settled }
        }
        return shares.values
    }
}

/// Carries a result from one thread to another. The reader waits until the writer has ended.
private final class SettledShares: @unchecked Sendable {
    var values: [Double] = []
}

/// Prints results as JSON lines, or as tables. Every kind of result begins with its own heading.
///
/// Used by one thread at a time.
private final class SchedulePrinter: @unchecked Sendable {
    private let json: Bool
    private var heading = ""

    init(json: Bool) { self.json = json }

    func show(_ report: ScheduleReport) throws(OuroError) {
        if json { return try Terminal.write(report.json.text + "\n") }
        switch report {
        case .schedule(let figure):
            let other = figure.name == "concurrency" ? "one stream, plain" : "plain"
            let title = figure.settled.map { "simulation: real passes, predictions settled as \(Self.percents($0))" }
            try begin(
                "\(title ?? figure.name) (\(figure.shape), \(figure.weights ?? "-"), \(figure.threads) threads; "
                    + "x: against \(other))\n"
                    + row("schedule", "tokens/s", "x", "passes/token", "x", "mean loops"))
            let streams = figure.streams == 1 ? "1 stream" : "\(figure.streams) streams"
            let name = figure.name == "concurrency" ? "\(figure.schedule), \(streams)" : figure.schedule
            try Terminal.write(
                row(
                    name, BenchTable.number(figure.tokensPerSecond), String(format: "%.2f", figure.speedRatio),
                    String(format: "%.3f", figure.passesPerToken), String(format: "%.2f", figure.passRatio),
                    String(format: "%.2f", figure.meanLoops)) + "\n")
        case .agreement(let figure):
            try begin(
                "agreement with the last loop (\(figure.shape), \(figure.positions) positions of "
                    + "\(figure.isGenerated ? "the model's own text" : "the text"))\n"
                    + row("loop", "agrees", "settled", "leaves", "", ""))
            func percent(_ value: Double) -> String { String(format: "%.1f %%", value * 100) }
            for loop in figure.agreement.indices {
                try Terminal.write(
                    row(
                        "\(loop + 1)", percent(figure.agreement[loop]), percent(figure.settled[loop]),
                        percent(figure.exits[loop]), "", "") + "\n")
            }
            try Terminal.write(
                row(
                    "mean", "", String(format: "%.2f", figure.meanSettlingLoop),
                    String(format: "%.2f", figure.meanExitLoop), "", "")
                    + "(leaves: threshold \(figure.exitThreshold))\n")
        }
    }

    private static func percents(_ shares: [Double]) -> String {
        shares.map { String(format: "%.3g", $0 * 100) }.joined(separator: "/") + " %"
    }

    private func begin(_ text: String) throws(OuroError) {
        guard text != heading else { return }
        try Terminal.write((heading.isEmpty ? "" : "\n") + text + "\n")
        heading = text
    }

    private func row(_ columns: String...) -> String {
        zip(columns, [26, 12, 10, 14, 8, 12]).map { column($0, $1) }.joined()
    }
}

extension ScheduleReport {
    fileprivate var json: JSONOutput {
        switch self {
        case .schedule(let figure):
            .object([
                "name": .string(figure.name), "simulation": .bool(figure.isSimulation),
                "settled": figure.settled.map { .array($0.map { .double($0) }) } ?? .null,
                "shape": .string(figure.shape),
                "weights": figure.weights.map { .string($0) } ?? .null, "threads": .int(figure.threads),
                "schedule": .string(figure.schedule), "streams": .int(figure.streams), "tokens": .int(figure.tokens),
                "mean_loops": .double(figure.meanLoops), "passes_per_token": .double(figure.passesPerToken),
                "tokens_per_second": .double(figure.tokensPerSecond), "pass_ratio": .double(figure.passRatio),
                "speed_ratio": .double(figure.speedRatio),
            ])
        case .agreement(let figure):
            .object([
                "name": .string("agreement"), "shape": .string(figure.shape),
                "weights": figure.weights.map { .string($0) } ?? .null, "threads": .int(figure.threads),
                "text": .string(figure.isGenerated ? "generated" : "given"), "positions": .int(figure.positions),
                "agreement": .array(figure.agreement.map { .double($0) }),
                "settled": .array(figure.settled.map { .double($0) }),
                "mean_settling_loop": .double(figure.meanSettlingLoop),
                "exit_threshold": .float(figure.exitThreshold), "exits": .array(figure.exits.map { .double($0) }),
                "mean_exit_loop": .double(figure.meanExitLoop),
            ])
        }
    }
}
