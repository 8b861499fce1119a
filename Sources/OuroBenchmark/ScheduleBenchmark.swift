import Foundation
import Ouro
import Synchronization

extension Benchmark {
    /// Measures schedules, which are ways to arrange rows into passes. It runs on its own thread, and reports every
    /// result immediately.
    ///
    /// - Parameters:
    ///   - subject: the model to measure.
    ///   - plan: what to measure.
    ///   - report: called after every result. An error that it throws ends the run.
    /// - Throws: `OuroError` for an invalid plan, prompt or folder, before anything is measured. Code
    ///   `scheduleMismatch` if two schedules gave different outputs that must be equal.
    package static func run(
        _ subject: Subject, schedules plan: SchedulePlan,
        report: @escaping @Sendable (ScheduleReport) throws(OuroError) -> Void
    ) async throws {
        try plan.validate()
        let kernels = try Kernels.select(plan.instructionSet)
        try await onThread { try ScheduleBenchmark(subject, plan: plan, kernels: kernels, report: report).run() }
    }
}

/// Measures the schedules of one model.
final class ScheduleBenchmark {
    let plan: SchedulePlan
    let model: BenchmarkModel
    private let report: (ScheduleReport) throws(OuroError) -> Void
    private let freeRows: Int

    init(
        _ subject: Benchmark.Subject, plan: SchedulePlan, kernels: Kernels,
        report: @escaping (ScheduleReport) throws(OuroError) -> Void
    ) throws(OuroError) {
        self.plan = plan
        self.report = report
        let simulatedLoops = plan.kinds == [.simulation] ? plan.table.loops : nil
        model = try BenchmarkModel(
            subject, threads: plan.threads, kvType: plan.kvType, kernels: kernels, clock: plan.clock
        ) {
            $0.loops = simulatedLoops ?? $0.loops
        }
        freeRows =
            plan.freeRows ?? CostCurve(measuring: model.device).freeRows(loops: model.configuration.loops)
    }

    func run() throws(OuroError) {
        // Checks prompt and text before anything is measured. A simulation has its own prompt.
        let prompt = plan.kinds == [.simulation] ? [] : try promptTokens()
        let text = plan.kinds.contains(.agreement) ? try textTokens() : nil
        if plan.kinds.contains(.agreement) { try report(.agreement(agreement(prompt: prompt, text: text))) }
        if plan.kinds.contains(.schedules) { try compareSchedules(prompt) }
        if plan.kinds.contains(.concurrency) { try compareStreams(prompt) }
        if plan.kinds.contains(.simulation) { try simulate() }
    }

    // MARK: measurements

    /// Runs one request under every schedule.
    private func compareSchedules(_ prompt: [Int]) throws(OuroError) {
        let exit = ExitPolicy.threshold(exitThreshold)
        let requests = [
            ("plain", request()), ("exit", request(exit: exit)), ("wavefront", request(wavefront: true)),
            ("exit+wavefront", request(exit: exit, wavefront: true)),
            ("wavefront+lookup", request(wavefront: true, draftTokens: plan.draftTokens)),
        ]
        let contenders = requests.map {
            Contender(schedule: $0.0, requests: [(prompt, $0.1)], device: model.device)
        }
        let results = try compare(contenders, name: "schedules", trialSeconds: plan.seconds / 2)
        for result in results { try report(.schedule(result.figure)) }
        try Self.checkEqual(results[0].output, results[2].output)
        try Self.checkEqual(results[0].output, results[4].output)
        try Self.checkEqual(results[1].output, results[3].output)
    }

    /// Runs several concurrent requests, compared with one request. Each request has its own two tokens of the plan's
    /// prompt.
    private func compareStreams(_ prompt: [Int]) throws(OuroError) {
        var contenders: [Contender] = []
        for wavefront in [false, true] {
            for count in Set(plan.streams + [1]).sorted() {
                let requests = (0..<count).map { index in
                    ((0..<2).map { prompt[(2 * index + $0) % prompt.count] }, request(wavefront: wavefront))
                }
                contenders.append(
                    Contender(
                        schedule: wavefront ? "wavefront" : "plain", requests: requests, device: model.device))
            }
        }
        let results = try compare(contenders, name: "concurrency", trialSeconds: plan.seconds / 4)
        for result in results where plan.streams.contains(result.figure.streams) {
            try report(.schedule(result.figure))
        }
        let half = results.count / 2
        for (plain, wavefront) in zip(results[..<half], results[half...]) {
            try Self.checkEqual(plain.output, wavefront.output)
        }
    }

    /// Runs real passes of this model with predictions and exits from the plan's table.
    private func simulate() throws(OuroError) {
        let table = plan.table
        let prompt = (0..<8).map { $0 % configuration.vocabularySize }
        func contender(_ exit: Double?, wavefront: Bool) -> Contender {
            let policy = exit == nil ? ExitPolicy.allLoops : SimulatedDevice.exit
            let name = exit == nil ? (wavefront ? "wavefront" : "plain") : wavefront ? "exit+wavefront" : "exit"
            return Contender(
                schedule: name,
                requests: [(prompt, request(loops: table.loops, exit: policy, wavefront: wavefront))],
                device: SimulatedDevice(model.device, table: table, meanExit: exit), settled: table.settled)
        }
        let contenders = ([nil] + table.exits).flatMap { exit in
            [contender(exit, wavefront: false), contender(exit, wavefront: true)]
        }
        let results = try compare(contenders, name: "simulation", trialSeconds: plan.seconds / 2)
        for result in results { try report(.schedule(result.figure)) }
        for index in stride(from: 0, to: results.count, by: 2) {
            try Self.checkEqual(results[index].output, results[index + 1].output)
        }
    }

    // MARK: helpers

    var configuration: ModelConfiguration { model.configuration }

    var exitThreshold: Float {
        plan.exitThreshold ?? (configuration.exitThreshold < 1 ? configuration.exitThreshold : 0.5)
    }

    private struct Contender {
        let schedule: String
        let requests: [(prompt: [Int], request: ResolvedRequest)]
        let device: any PassDevice
        /// In a simulation, the share of settled positions after each loop.
        var settled: [Double]?
    }

    private struct ContenderResult {
        var figure: ScheduleFigure
        /// The tokens of every request, from one trial.
        var tokens: [[Int]]

        var output: Output { (figure.schedule, tokens) }
    }

    /// A schedule and the tokens of every request under it.
    typealias Output = (schedule: String, tokens: [[Int]])

    /// Runs all contenders alternately, at least three times and until the time is over. Ratios refer to the first
    /// contender.
    private func compare(
        _ contenders: [Contender], name: String, trialSeconds: Double
    ) throws(OuroError) -> [ContenderResult] {
        var trials: [[ScheduleTrial]] = contenders.map { _ in [] }
        let start = plan.clock.now()
        let total = trialSeconds * Double(contenders.count)
        while trials[0].count < 3 || plan.clock.seconds(since: start) < total {
            for (index, contender) in contenders.enumerated() {
                trials[index].append(
                    try ScheduleTrial(
                        contender.requests, device: contender.device, freeRows: freeRows, seconds: trialSeconds,
                        clock: plan.clock))
            }
        }
        let first = trials[0]
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        return zip(contenders, trials).map { contender, trials in
            // The longest trial has the most tokens to compare.
            let longest = trials.max { $0.tokenCount < $1.tokenCount } ?? trials[0]
            let speeds = trials.map(\.tokensPerSecond)
            let passes = median(trials.map(\.passesPerToken))
            let figure = ScheduleFigure(
                name: name, shape: model.name, weights: model.weightName, threads: plan.threads,
                schedule: contender.schedule, streams: contender.requests.count,
                tokens: longest.streams.map(\.count).min() ?? 0, meanLoops: longest.meanLoops, passesPerToken: passes,
                tokensPerSecond: median(speeds), passRatio: median(first.map(\.passesPerToken)) / passes,
                speedRatio: median(zip(speeds, first.map(\.tokensPerSecond)).map { $0 / $1 }),
                settled: contender.settled)
            return ContenderResult(figure: figure, tokens: longest.streams.map { $0.map(\.id) })
        }
    }

    /// Checks that two schedules gave the same tokens, up to the end of the shorter output.
    static func checkEqual(_ one: Output, _ other: Output) throws(OuroError) {
        for (index, (a, b)) in zip(one.tokens, other.tokens).enumerated() {
            guard let position = zip(a, b).enumerated().first(where: { $1.0 != $1.1 })?.offset else { continue }
            throw OuroError(
                .scheduleMismatch, field: "request \(index + 1)",
                "token \(position + 1) is \(a[position]) with \(one.schedule), \(b[position]) with "
                    + "\(other.schedule); schedules must not change the output: this is a fault of the engine, "
                    + "please report it")
        }
    }

    func request(
        loops: Int? = nil, exit: ExitPolicy = .allLoops, wavefront: Bool = false, draftTokens: Int = 0
    ) -> ResolvedRequest {
        ResolvedRequest(
            vocabularySize: configuration.vocabularySize, loops: loops ?? configuration.loops, exit: exit,
            maxTokens: plan.maxTokens, prefillChunk: 256, wavefront: wavefront, draftTokens: draftTokens)
    }

    private func promptTokens() throws(OuroError) -> [Int] {
        let tokens: [Int]
        if let tokenizer = model.tokenizer {
            tokens = try known(tokenizer.encode(plan.prompt ?? SchedulePlan.prompt), field: "prompt")
        } else if plan.prompt == nil {
            tokens = (0..<64).map { ($0 * 31 + 7) % configuration.vocabularySize }
        } else {
            throw OuroError(
                .invalidRequest, field: "prompt",
                "\(model.name) has no tokenizer, but a prompt needs one; omit the prompt")
        }
        guard !tokens.isEmpty else { throw OuroError(.invalidRequest, field: "prompt", "the prompt is empty") }
        let room = configuration.contextLength - plan.maxTokens
        guard tokens.count <= room else {
            throw OuroError(
                .contextExceeded, field: "prompt",
                "the prompt has \(tokens.count) tokens; \(plan.maxTokens) more must fit into the model's context of "
                    + "\(configuration.contextLength)")
        }
        return tokens
    }

    private func textTokens() throws(OuroError) -> [Int]? {
        guard let text = plan.text else { return nil }
        guard let tokenizer = model.tokenizer else {
            throw OuroError(
                .invalidRequest, field: "text", "\(model.name) has no tokenizer, but a text needs one; omit the text")
        }
        let tokens = try known(tokenizer.encode(text), field: "text")
        guard tokens.count >= 2 else {
            throw OuroError(.invalidRequest, field: "text", "expected at least 2 tokens, found \(tokens.count)")
        }
        return tokens
    }

    private func known(_ tokens: [Int], field: String) throws(OuroError) -> [Int] {
        if let bad = tokens.first(where: { $0 >= configuration.vocabularySize }) {
            throw OuroError(
                .invalidRequest, field: field,
                "token \(bad) is not in the model's vocabulary (0 to \(configuration.vocabularySize - 1)); is its "
                    + "tokenizer.json that of another model?")
        }
        return tokens
    }

    /// Generates the output of one request without other requests or guesses, until its end or until the time is over.
    func generate(_ prompt: [Int], seconds: Double) throws(OuroError) -> [Int] {
        let trial = try ScheduleTrial(
            [(prompt, request())], device: model.device, freeRows: freeRows, seconds: seconds, clock: plan.clock)
        return trial.streams[0].map(\.id)
    }
}
