import ArgumentParser
import Foundation
import Ouro
import OuroTraining
import Synchronization

struct Train: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a looped model from a recipe.",
        discussion: """
            The output folder gets checkpoints/ and log.jsonl, with one JSON object per logged step. At the end it gets \
            model/, which 'ouro generate' loads. Ctrl-C saves a checkpoint and ends the program. --resume continues bit \
            for bit, also after a crash.

            --measure runs steps with random weights. It compares their throughput with the multiply-adds that this \
            machine can do. With --json it prints one object per step:
              {"seconds","tokens_per_second","operations_per_second","limit","fraction"}

            EXAMPLES
              ouro train --recipe Recipes/ouro-tiny.yaml
              ouro train --recipe Recipes/ouro-tiny.yaml --resume
              ouro train --recipe Recipes/ouro-tiny.yaml --plot
              ouro train --plot --output runs/ouro-tiny
              ouro train --recipe Recipes/ouro-1.4b.yaml --plan
              ouro train --measure 4x256x4x704x512 --batch 16 --length 256
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("The recipe.", valueName: "file"))
    var recipe: String?

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Output folder (default: runs/NAME).", valueName: "dir"))
    var output: String?

    @Option(name: .customLong("init"), help: ArgumentHelp("Start from this model.", valueName: "dir|ORG/NAME"))
    var initial: String?

    @Flag(help: "Continue from the newest checkpoint.")
    var resume = false

    @Flag(help: "Write model/ from the newest checkpoint, without training.")
    var export = false

    @Flag(help: "Draw plot.svg in the output folder with every checkpoint. Without --recipe, draw the existing log.")
    var plot = false

    @Flag(help: "Print steps, tokens, memory and estimated time, without training.")
    var plan = false

    @Option(parsing: .unconditional, help: "Threads that share the work (default: one per processor).")
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "Measure the speed of steps for a model of this shape.", valueName: "LAYERSxHIDDENxHEADSxMLPxVOCAB"))
    var measure: String?

    @Option(help: "With --measure: number of loops.")
    var loops = 4

    @Option(help: "With --measure: sequences per step.")
    var batch = 16

    @Option(help: "With --measure: positions per sequence.")
    var length = 256

    @Option(help: "With --measure: sequences per micro-batch.")
    var microBatch = 4

    @Option(help: "With --measure: number of steps.")
    var steps = 5

    @Flag(help: "With --measure: print one JSON object per step.")
    var json = false

    func validate() throws {
        let plotsOnly = plot && output != nil && recipe == nil && measure == nil
        guard plotsOnly || (recipe == nil) != (measure == nil) else {
            throw ValidationError("give --recipe, --measure, or --plot with --output")
        }
        try checkThreads(threads)
        if resume, initial != nil { throw ValidationError("--resume and --init exclude each other; give one of them") }
        for (name, value) in [
            ("loops", loops), ("batch", batch), ("length", length), ("micro-batch", microBatch), ("steps", steps),
        ] where !(1...1_000_000).contains(value) {
            throw ValidationError("--\(name): expected 1 to 1000000, found \(value)")
        }
    }

    private var threadCount: Int { threads ?? Machine.current.processorCount }

    func run() async throws {
        if let measure { return try runMeasurement(measure) }
        if recipe == nil, let output {
            let folder = URL(fileURLWithPath: output)
            try TrainingPlot.draw(folder, title: folder.standardizedFileURL.lastPathComponent)
            return try Terminal.write(TrainingPlot.file(in: folder).path + "\n")
        }
        let recipe = try Recipe(contentsOf: URL(fileURLWithPath: recipe ?? ""))
        if plan { return try Terminal.write(try TrainingPlan(recipe, threads: threadCount).text + "\n") }
        let folder = URL(fileURLWithPath: output ?? "runs/\(recipe.name)")
        var start: URL?
        if let initial { start = try await ModelChoice.folder(of: initial) }
        let trainer = try Trainer(
            recipe: recipe, output: folder, threads: threadCount,
            initial: start, resumes: resume || export)
        if export {
            try trainer.export()
            return try Terminal.write(trainer.resultFolder.path + "\n")
        }
        for note in trainer.notes { Terminal.writeError("note: \(note)\n") }
        trainer.plots = plot
        let interrupt = Interrupt()
        let isTerminal = Terminal.errorIsTerminal
        let outcome = try trainer.run(stop: { interrupt.isRequested }) { report in
            Terminal.writeError(isTerminal ? "\r\u{1B}[K\(report.line)" : report.line + "\n")
        }
        if isTerminal { Terminal.writeError("\n") }
        switch outcome {
        case .finished: try Terminal.write(trainer.resultFolder.path + "\n")
        case .stopped:
            Terminal.writeError("stopped after step \(trainer.progress.step); --resume continues\n")
            throw ExitCode(130)
        }
    }

    private func runMeasurement(_ shape: String) throws {
        let sizes = shape.split(separator: "x").compactMap { Int($0) }
        guard sizes.count == 5, shape.split(separator: "x").count == 5, sizes.allSatisfy({ $0 > 0 }) else {
            throw ValidationError("--measure: expected LAYERSxHIDDENxHEADSxMLPxVOCAB, found '\(shape)'")
        }
        let benchmark = TrainingBenchmark(
            configuration: ModelConfiguration(
                vocabularySize: sizes[4], hiddenSize: sizes[1], intermediateSize: sizes[3], layerCount: sizes[0],
                headCount: sizes[2], contextLength: length, loops: loops),
            rows: batch, length: length, microBatch: microBatch)
        _ = try benchmark.run(steps: steps, threads: threadCount) { step throws(OuroError) in
            if json {
                let line = JSONOutput.object([
                    "seconds": .double(step.seconds), "tokens_per_second": .double(step.tokensPerSecond),
                    "operations_per_second": .double(step.operationsPerSecond), "limit": .double(step.limit),
                    "fraction": .double(step.fraction),
                ])
                return try Terminal.write(line.text + "\n")
            }
            try Terminal.write(
                String(
                    format: "%.3f s, %.0f tokens/s, %.1f of %.1f GFLOP/s (%.1f %%)\n", step.seconds,
                    step.tokensPerSecond, step.operationsPerSecond / 1e9, step.limit / 1e9, 100 * step.fraction))
        }
    }
}

/// Records a request to end the program: Ctrl-C (SIGINT) or SIGTERM.
///
/// The conformance to `Sendable` is unchecked. It is safe, because the sources do not change after `init`.
private final class Interrupt: @unchecked Sendable {
    private let requested = Atomic<Bool>(false)
    private let sources: [any DispatchSourceSignal]

    init() {
        // The handlers run on a queue. The default handler ends the process, so it is turned off.
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for source in sources {
            source.setEventHandler { [weak self] in self?.requested.store(true, ordering: .relaxed) }
            source.resume()
        }
    }

    var isRequested: Bool { requested.load(ordering: .relaxed) }
}
