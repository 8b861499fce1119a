import ArgumentParser
import Foundation
import Ouro
import OuroData
import OuroEvaluation

struct Eval: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model's accuracy by loop and by exit threshold.",
        discussion: """
            A synthetic task counts greedy answers that match exactly. One run of the model measures all depths. With a \
            threshold of 1 every token runs all loops. --json prints one object per level and depth, \
            {"task","level","loops","threshold","accuracy","mean_loops","count"}, plus "perplexity" or "accuracy_norm".

            TASKS
            \(SyntheticTaskOption.list)
              perplexity: the perplexity of the text in --file
              choices: multiple choice, from JSON lines in --file:
                {"question","choices","answer"}

            EXAMPLES
              ouro eval --task chain --level 1-4 --plot depth.svg
              ouro eval --model DIR --task chain --level 1-4 --count 500
              ouro eval --model DIR --task mano --level 3 --loops 1,2,4 \\
                --thresholds 0.3,0.5,0.7 --json
              ouro eval --model DIR --task perplexity --file book.txt
              ouro eval --model DIR --task choices --file questions.jsonl \\
                --plot depth.svg
              ouro eval --model DIR --task chain --kv-policy last-loop
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "The task.")
    var task: String

    @Option(help: ArgumentHelp("Levels of a synthetic task (default: all).", valueName: "1-4"))
    var level: String?

    @Option(help: "Seed of a synthetic task.")
    var seed: UInt64 = 1

    @Option(help: "Number of examples per level.")
    var count = 500

    @Option(help: ArgumentHelp("Held-out examples, or training examples.", valueName: "train|test"))
    var split = DataSplit.test

    @Option(help: ArgumentHelp("Loop counts (default: 1 to the model's own).", valueName: "1,2,3,4"))
    var loops: String?

    @Option(
        help: ArgumentHelp(
            "Exit thresholds, measured at the largest loop count (default: 0.3,0.5,0.7,0.9 and the model's own).",
            valueName: "0.3,0.5,..."))
    var thresholds: String?

    @Option(name: .shortAndLong, help: "The text, or the questions as JSON lines. For a text, - is standard input.")
    var file: String?

    @Option(help: "Tokens per window of a long text (default: the model's context, at most 1024).")
    var window: Int?

    @Flag(help: "Print one JSON object per level and depth.")
    var json = false

    @Option(help: ArgumentHelp("Write an SVG of accuracy against mean loops.", valueName: "file"))
    var plot: String?

    private enum Work {
        case synthetic(any SyntheticTask, levels: [Int])
        case text(String)
        case choices([MultipleChoiceQuestion])
    }

    func validate() throws {
        if count < 1 { throw ValidationError("--count: expected at least 1, found \(count)") }
        if let level { _ = try NumberList.integers(level, "--level") }
        if let loops { _ = try NumberList.integers(loops, "--loops") }
        if let thresholds { _ = try NumberList.numbers(thresholds, "--thresholds") as [Float] }
        let needsFile = task == "perplexity" || task == "choices"
        if needsFile, file == nil { throw ValidationError("--task \(task) needs --file") }
        if needsFile, level != nil { throw ValidationError("--task \(task) has no levels") }
        if !needsFile, file != nil { throw ValidationError("--file needs --task perplexity or choices") }
        if window != nil, task != "perplexity" { throw ValidationError("--window needs --task perplexity") }
    }

    private func work() throws -> Work {
        switch task {
        case "perplexity": return .text(try InputText.read(file: file ?? "-"))
        case "choices": return .choices(try MultipleChoiceQuestion.load(contentsOf: URL(fileURLWithPath: file ?? "")))
        default:
            let task = try named(task)
            let levels = try SyntheticTaskOption.levels(level, of: task)
            return .synthetic(task, levels: levels)
        }
    }

    private func named(_ name: String) throws(OuroError) -> any SyntheticTask {
        do {
            return try SyntheticTasks.named(name)
        } catch {
            throw OuroError(error.code, field: error.field, error.message + ", perplexity, choices")
        }
    }

    func run() async throws {
        let work = try work()
        let engine = try await model.load()
        let configuration = engine.configuration
        let own = configuration.exitThreshold < 1 ? [configuration.exitThreshold] : []
        let thresholds =
            try thresholds.map { try NumberList.numbers($0, "--thresholds") } ?? Self.defaults(adding: own)
        let plan = try DepthPlan(
            loops: loops.map { try NumberList.integers($0, "--loops") }, thresholds: thresholds,
            configuration: configuration)
        var evaluator = Evaluator(engine: engine, plan: plan)
        var results: [EvaluationResult] = []
        if !json { try Terminal.write(EvaluationTable.header + "\n") }
        func report(_ new: [EvaluationResult]) throws(OuroError) {
            results += new
            for result in new { try Terminal.write((json ? result.json.text : EvaluationTable.line(result)) + "\n") }
        }
        switch work {
        case .synthetic(let task, let levels):
            for level in levels {
                let bar = ProgressBar("\(task.name) \(level)", total: count)
                evaluator.progress = { bar.show($0) }
                let new = try await evaluator.evaluate(task, level: level, seed: seed, count: count, split: split)
                bar.clear()
                try report(new)
            }
        case .text(let text):
            try report(await evaluator.evaluate(text: text, window: window))
        case .choices(let questions):
            let bar = ProgressBar("choices", total: questions.reduce(0) { $0 + $1.choices.count })
            evaluator.progress = { bar.show($0) }
            let new = try await evaluator.evaluate(questions)
            bar.clear()
            try report(new)
        }
        if let plot {
            let name = model.choice.name
            try AtomicFile.write(
                Data(AccuracyPlot(results, title: "\(task), \(name)").svg.utf8), to: URL(fileURLWithPath: plot))
        }
    }

    private static func defaults(adding own: [Float]) -> [Float] {
        Set([0.3, 0.5, 0.7, 0.9] + own).sorted()
    }
}

private enum EvaluationTable {
    static let header =
        column("task", 14) + column("level", 7) + column("loops", 7) + column("threshold", 11) + column("accuracy", 10)
        + column("mean loops", 12) + column("count", 8)

    static func line(_ result: EvaluationResult) -> String {
        var line =
            column(result.task, 14) + column(result.level.map(String.init) ?? "-", 7) + column("\(result.loops)", 7)
            + column(result.threshold >= 1 ? "-" : "\(result.threshold)", 11)
            + column(String(format: "%.1f %%", result.accuracy * 100), 10)
            + column(String(format: "%.2f", result.meanLoops), 12) + column("\(result.count)", 8)
        if let perplexity = result.perplexity { line += String(format: "perplexity %.3f", perplexity) }
        if let accuracy = result.normalisedAccuracy { line += String(format: "normalised %.1f %%", accuracy * 100) }
        return line
    }
}

extension EvaluationResult {
    var json: JSONOutput {
        let level: JSONOutput = level.map { .int($0) } ?? .null
        if let perplexity {
            return .object([
                "task": .string(task), "level": level, "loops": .int(loops), "threshold": .float(threshold),
                "accuracy": .double(accuracy), "mean_loops": .double(meanLoops), "count": .int(count),
                "perplexity": .double(perplexity),
            ])
        }
        if let normalisedAccuracy {
            return .object([
                "task": .string(task), "level": level, "loops": .int(loops), "threshold": .float(threshold),
                "accuracy": .double(accuracy), "mean_loops": .double(meanLoops), "count": .int(count),
                "accuracy_norm": .double(normalisedAccuracy),
            ])
        }
        return .object([
            "task": .string(task), "level": level, "loops": .int(loops), "threshold": .float(threshold),
            "accuracy": .double(accuracy), "mean_loops": .double(meanLoops), "count": .int(count),
        ])
    }
}
