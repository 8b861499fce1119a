import ArgumentParser
import Foundation
import Ouro
import OuroBenchmark
import OuroDefaultModel
import Synchronization

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model's speed against the limits of this machine, and compare schedules.",
        discussion: """
            Every figure comes with a limit of the machine and the fraction of it that the model reaches. Model and limit \
            are measured alternately. The limit of passes and decoding is the memory bandwidth. The limit of prefill is \
            the throughput of multiply-adds, or of 8-bit dot products for quantised weights.

            A pass of several rows is also compared with a pass of one row. The number in brackets is the same ratio at \
            the limits of the machine: it is 1 where reading the weights takes the time, and more where arithmetic does.

            --json prints one object per measurement: {"name","shape","weights","threads","rows","chunk","context", \
            "value","unit","limit","fraction","times_one_row","least_times_one_row"}.

            --only can also name schedules. They do not run by default. Each one is measured alternately with plain \
            decoding:
              schedules: one request, plain, with exits, wavefront, prompt lookup
              concurrency: many requests compared with one
              agreement: how often a loop predicts the same token as the last loop
              simulation: real passes of a large shape; a table decides which
                guesses are right and where tokens exit

            --only sampling measures the time from logits to a token, in microseconds for a row: for one row, for one row \
            without log-probability (a guess), and for each of 16 rows. It needs no model and does not run by default.

            EXAMPLES
              ouro bench
              ouro bench --shape ouro-1.4b --weights q4 --only decode
              ouro bench --only pass --rows 1,4,16 --seconds 5 --json
              ouro bench --model DIR
              ouro bench --model DIR --only schedules,agreement
              ouro bench --only concurrency --weights q8 --streams 1,16 \\
                --shape ouro-1.4b
              ouro bench --only simulation --agreement 0.81,0.92,0.96,1 --exits 2
              ouro bench --only simulation --model DIR --shape ouro-1.4b
              ouro bench --only sampling --threads 2
              ouro bench --shape 4x256x4x704x2048 --threads 1
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("Measure this model, with its weights.", valueName: "dir|ORG/NAME"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "Measure random weights of a shape: \(BenchmarkShape.names.joined(separator: ", ")), or "
                + "LAYERSxHIDDENxHEADSxMLPxVOCAB (default: ouro-1.4b).", valueName: "shape"))
    var shape: String?

    @Option(
        help: ArgumentHelp(
            "Types of the random weights (default: bf16,q8,q4; q8 for schedules).", valueName: "f32|bf16|q8|q4,..."))
    var weights: String?

    @Option(
        help: ArgumentHelp(
            "Measurements to run (default: the first five).",
            valueName: "machine|load|pass|decode|prefill|sampling|schedules|concurrency|agreement|simulation,..."))
    var only: String?

    @Option(help: ArgumentHelp("Rows per pass (default: 1,2,4,8,16).", valueName: "1,2,..."))
    var rows: String?

    @Option(help: ArgumentHelp("Chunk sizes of the prefill (default: 1,8,32,128,512).", valueName: "1,8,..."))
    var chunks: String?

    @Option(help: ArgumentHelp("Context lengths of prefill and decoding (default: 512,4096).", valueName: "512,..."))
    var contexts: String?

    @Option(parsing: .unconditional, help: "sampling: logits of a row.")
    var vocabulary = 49_152

    @OptionGroup var schedules: ScheduleOptions

    @Option(help: "Seconds that each measurement takes.")
    var seconds = 3.0

    @Option(parsing: .unconditional, help: "Threads that share the work (default: one per physical core).")
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "How keys and values are stored (default: bf16; q8 with quantised weights).", valueName: "f32|bf16|q8"))
    var kvType: KVType?

    @Flag(help: "Print one JSON object per measurement.")
    var json = false

    private static func names<Name: RawRepresentable & CaseIterable>(_ text: String, _ option: String) throws -> [Name]
    where Name.RawValue == String {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let name = Name(rawValue: String(part)) else {
                let known = Name.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("\(option): expected some of \(known), found '\(part)'")
            }
            return name
        }
    }

    /// The measurements that `--only` names.
    private struct Kinds {
        var machine: Set<BenchmarkPlan.Kind> = []
        var schedules: Set<SchedulePlan.Kind> = []
        var measuresSampling = false
    }

    private func kinds() throws -> Kinds {
        guard let only else { return Kinds(machine: Set(BenchmarkPlan.Kind.allCases)) }
        var kinds = Kinds()
        for name in only.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
            if let kind = BenchmarkPlan.Kind(rawValue: name) {
                kinds.machine.insert(kind)
            } else if let kind = SchedulePlan.Kind(rawValue: name) {
                kinds.schedules.insert(kind)
            } else if name == SamplingBench.name {
                kinds.measuresSampling = true
            } else {
                let known =
                    BenchmarkPlan.Kind.allCases.map(\.rawValue) + [SamplingBench.name]
                    + SchedulePlan.Kind.allCases.map(\.rawValue)
                throw ValidationError("--only: expected some of \(known.joined(separator: ", ")), found '\(name)'")
            }
        }
        return kinds
    }

    /// Each of the measurements takes a tenth of `--seconds`, because there are 42.
    private var samplingPlan: SamplingPlan {
        SamplingPlan(vocabulary: vocabulary, threads: threads, seconds: seconds / 10)
    }

    private func plan() throws -> BenchmarkPlan {
        var plan = BenchmarkPlan(threads: threads, seconds: seconds, kvType: kvType)
        plan.kinds = try kinds().machine
        if let rows { plan.rows = try NumberList.counts(rows, "--rows") }
        if let chunks { plan.chunks = try NumberList.counts(chunks, "--chunks") }
        if let contexts { plan.contexts = try NumberList.counts(contexts, "--contexts") }
        return plan
    }

    private func subjects() async throws -> [Benchmark.Subject] {
        if let model { return [.folder(try await ModelChoice.folder(of: model))] }
        return try randomSubjects(weights: "bf16,q8,q4")
    }

    private func randomSubjects(weights standard: String) throws -> [Benchmark.Subject] {
        let shape = try BenchmarkShape(shape ?? "ouro-1.4b")
        let types: [WeightType] = try Self.names(weights ?? standard, "--weights")
        return types.map { .random(shape, $0) }
    }

    /// - Parameters:
    ///   - folder: the folder of the model that `--model` names, or nil.
    private func scheduleBench(_ kinds: Set<SchedulePlan.Kind>, folder: URL?) throws -> ScheduleBench {
        ScheduleBench(
            options: schedules,
            plan: try schedules.plan(kinds: kinds, threads: threads, seconds: seconds, kvType: kvType),
            model: try folder ?? DefaultModel.folder(),
            // The bundled model has learned to continue this.
            modelPrompt: folder == nil ? "Once upon a time there was" : nil, random: try randomSubjects(weights: "q8"),
            prefersRandom: folder == nil && (shape != nil || weights != nil), json: json)
    }

    func validate() throws {
        let kinds = try kinds()
        if model != nil, shape != nil || weights != nil, !kinds.schedules.contains(.simulation) {
            throw ValidationError("--model has its own shape and weights; leave --shape and --weights out")
        }
        try checkThreads(threads)
        if !(seconds > 0) { throw ValidationError("--seconds: expected more than 0, found \(seconds)") }
        _ = try plan()
        _ = try schedules.plan(kinds: kinds.schedules, threads: threads, seconds: seconds, kvType: kvType)
        if let weights { let _: [WeightType] = try Self.names(weights, "--weights") }
    }

    func run() async throws {
        let kinds = try kinds()
        if !kinds.machine.isEmpty { try await measureLimits() }
        if kinds.measuresSampling {
            if !kinds.machine.isEmpty, !json { try Terminal.write("\n") }
            try await SamplingBench(plan: samplingPlan, json: json).run()
        }
        if !kinds.schedules.isEmpty {
            if !kinds.machine.isEmpty || kinds.measuresSampling, !json { try Terminal.write("\n") }
            var folder: URL?
            if let model { folder = try await ModelChoice.folder(of: model) }
            try await scheduleBench(kinds.schedules, folder: folder).run()
        }
    }

    private func measureLimits() async throws {
        var plan = try plan()
        let printer = LimitPrinter(json: json)
        for (index, subject) in try await subjects().enumerated() {
            if index > 0 { plan.kinds.remove(.machine) }
            defer { printer.bar.clear() }
            try await Benchmark.run(
                subject, plan: plan, progress: { printer.bar.showSeldom($0, $1) },
                report: { figure throws(OuroError) in try printer.show(figure) })
        }
    }
}

extension KVType: ExpressibleByArgument {}

/// Prints every figure as soon as it is measured.
///
/// The heading comes with the first figure. An error before that prints no heading.
private final class LimitPrinter: Sendable {
    let bar = ProgressBar()
    private let json: Bool
    private let needsHeading: Mutex<Bool>

    init(json: Bool) {
        self.json = json
        needsHeading = Mutex(!json)
    }

    func show(_ figure: BenchmarkFigure) throws(OuroError) {
        bar.clear()
        let isFirst = needsHeading.withLock { needed in
            defer { needed = false }
            return needed
        }
        if isFirst { try Terminal.write(BenchTable.header + "\n") }
        try Terminal.write((json ? figure.json.text : BenchTable.line(figure)) + "\n")
    }
}

enum BenchTable {
    static let header =
        column("what", 37) + column("weights", 9) + column("threads", 9) + column("value", 17) + column("limit", 8)
        + column("of the limit", 14) + "x one row (least)"

    static func line(_ m: BenchmarkFigure) -> String {
        var what = m.name
        if let rows = m.rows, m.name == "pass" { what += ", \(rows) row\(rows == 1 ? "" : "s")" }
        if let chunk = m.chunk { what += ", chunk \(chunk)" }
        if let context = m.context, context != m.chunk { what += ", context \(context)" }
        var line =
            column(what, 37) + column(m.weights ?? "-", 9) + column("\(m.threads)", 9)
            + column(number(m.value) + " " + m.unit, 17) + column(m.limit.map(number) ?? "-", 8)
            + (m.fraction.map { String(format: "%3.0f %%", $0 * 100) } ?? "-")
        if let times = m.timesOneRow, let least = m.leastTimesOneRow {
            line += String(format: "         %.2f (%.2f)", times, least)
        }
        return line
    }

    static func number(_ value: Double) -> String {
        String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
    }
}

extension BenchmarkFigure {
    fileprivate var json: JSONOutput {
        func number(_ value: Int?) -> JSONOutput { value.map { .int($0) } ?? .null }
        func number(_ value: Double?) -> JSONOutput { value.map { .double($0) } ?? .null }
        return JSONOutput.object([
            "name": .string(name), "shape": .string(shape), "weights": weights.map { .string($0) } ?? .null,
            "threads": .int(threads), "rows": number(rows), "chunk": number(chunk), "context": number(context),
            "value": .double(value), "unit": .string(unit), "limit": number(limit), "fraction": number(fraction),
            "times_one_row": number(timesOneRow), "least_times_one_row": number(leastTimesOneRow),
        ])
    }
}
