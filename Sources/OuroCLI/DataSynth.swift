import ArgumentParser
import Ouro
import OuroData

struct DataSynth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synth", abstract: "Generate synthetic tasks with answers.",
        discussion: """
            Writes JSON lines, {"prompt","completion","level"}. With --pack it writes token shards. The same seed gives \
            the same examples. Training and test examples are disjoint for all seeds.

            TASKS
            \(SyntheticTaskOption.list)

            EXAMPLES
              ouro data synth --task mano --level 1-4 --seed 1 --count 100000 \\
                -o mano.jsonl
              ouro data synth --task chain --level 3 --count 5 -o -
              ouro data synth --task stories --count 50000 --pack --model DIR -o shards
            """)

    @Option(help: "The task.")
    var task: String

    @Option(help: ArgumentHelp("The levels; examples alternate between them (default: all).", valueName: "1-4"))
    var level: String?

    @Option(help: "The same seed gives the same examples.")
    var seed: UInt64 = 1

    @Option(help: "Number of examples.")
    var count = 1000

    @Option(help: ArgumentHelp("Training examples, or examples held out for tests.", valueName: "train|test"))
    var split = DataSplit.train

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The output file (- is standard output); with --pack the output folder.", valueName: "path"))
    var output: String

    @Flag(help: "Write token shards; needs --model or --tokenizer.")
    var pack = false

    @Flag(help: "With --pack: print one JSON object.")
    var json = false

    @OptionGroup var encoding: EncoderOptions
    @OptionGroup var dataset: DatasetOptions

    func validate() throws {
        if count < 1 { throw ValidationError("--count: expected at least 1, found \(count)") }
        if let level { _ = try NumberList.integers(level, "--level") }
        if !pack, encoding.model != nil || encoding.tokenizer != nil {
            throw ValidationError("--model and --tokenizer need --pack; add it or leave them out")
        }
    }

    func run() async throws {
        let task = try SyntheticTasks.named(task)
        let levels = try SyntheticTaskOption.levels(level, of: task)
        let bar = ProgressBar(task.name, total: count)
        defer { bar.clear() }
        if pack {
            let (encoder, vocabularySize) = try await encoding.load()
            var packing = DataPacking(encoder: encoder)
            packing.validationFraction = dataset.validationFraction
            packing.progress = { bar.show($0) }
            let summary = try packing.run(
                task, levels: levels, seed: seed, count: count, split: split,
                to: try dataset.writer(output, encoder, vocabularySize: vocabularySize))
            bar.clear()
            return try PackReport.write(summary, json: json)
        }
        let sink = try LineSink(output)
        for index in 0..<count {
            let example = try task.example(
                seed: seed, index: index, level: levels[index % levels.count], split: split)
            try sink.write(
                JSONOutput.object([
                    "prompt": .string(example.prompt), "completion": .string(example.completion),
                    "level": .int(example.level),
                ]).text)
            bar.show(index + 1)
        }
        try sink.finish()
    }
}

extension DataSplit: ExpressibleByArgument {}
