import ArgumentParser
import Foundation
import Ouro
import OuroData

struct DataVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Make data to train on.", subcommands: [DataPack.self, DataSynth.self])
}

/// How text becomes tokens.
struct EncoderOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Folder with tokenizer.json, chat template and config.json.", valueName: "dir|ORG/NAME"))
    var model: String?

    @Option(help: ArgumentHelp("A tokenizer.json by itself.", valueName: "file"))
    var tokenizer: String?

    @Option(
        help: ArgumentHelp(
            "The token that ends every document (default: <|endoftext|>, else the model's end of text).",
            valueName: "id"))
    var endToken: Int?

    func validate() throws {
        if model != nil, tokenizer != nil { throw ValidationError("--model and --tokenizer exclude each other") }
    }

    /// The encoder, and the size of the vocabulary that its tokens are from.
    func load() async throws -> (encoder: DocumentEncoder, vocabularySize: Int) {
        guard let path = model ?? tokenizer else {
            throw ValidationError("give --model or --tokenizer, which turns text into tokens")
        }
        guard let model else {
            let tokenizer = try Tokenizer(contentsOf: URL(fileURLWithPath: path))
            let end = try endOfText(tokenizer, nil, file: path)
            return (DocumentEncoder(tokenizer: tokenizer, endOfText: end), tokenizer.vocabularySize)
        }
        let url = try await ModelChoice.folder(of: model, needsWeights: false)
        let file = url.appendingPathComponent("config.json")
        let configuration =
            FileManager.default.fileExists(atPath: file.path) ? try ModelConfiguration(contentsOf: file) : nil
        let tokenizer = try Tokenizer(contentsOf: url.appendingPathComponent("tokenizer.json"))
        let encoder = DocumentEncoder(
            tokenizer: tokenizer, template: try ChatTemplate.load(fromModelFolder: url),
            endOfText: try endOfText(tokenizer, configuration, file: path))
        return (encoder, configuration?.vocabularySize ?? tokenizer.vocabularySize)
    }

    private func endOfText(
        _ tokenizer: Tokenizer, _ configuration: ModelConfiguration?, file: String
    ) throws(OuroError) -> Int {
        if let id = endToken ?? tokenizer.id(of: "<|endoftext|>") ?? configuration?.eosTokenIDs.first { return id }
        throw OuroError(
            .invalidRequest, file: file,
            "the tokenizer has no token <|endoftext|>; say which token ends a document (--end-token)")
    }
}

/// Where a data set goes.
struct DatasetOptions: ParsableArguments {
    @Option(help: "Tokens of a shard at most.")
    var shardTokens = 100_000_000

    @Option(help: ArgumentHelp("Share of the documents that is set apart for validation.", valueName: "0...1"))
    var validationFraction = 0.0

    @Flag(help: "Replace a data set that is in the folder.")
    var overwrite = false

    func validate() throws {
        if shardTokens < 1 { throw ValidationError("--shard-tokens: expected at least 1, found \(shardTokens)") }
        guard validationFraction >= 0, validationFraction < 1 else {
            throw ValidationError("--validation-fraction: expected 0 to less than 1, found \(validationFraction)")
        }
    }

    func writer(_ folder: String, _ encoder: DocumentEncoder, vocabularySize: Int) throws -> DatasetWriter {
        try DatasetWriter(
            folder: URL(fileURLWithPath: folder), vocabularySize: vocabularySize, endOfText: encoder.endOfText,
            shardTokens: shardTokens, overwrites: overwrite)
    }
}

struct DataPack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack", abstract: "Turn text and JSON lines into token shards.",
        discussion: """
            Files that end in .jsonl have one document per line: {"text"}, {"prompt","completion"} (loss on the completion) \
            or {"messages":[{"role","content"}]} (through the chat template, loss on the assistant's turns). Every other \
            file is one document, unless --separator divides it. --json prints {"train":{"documents","tokens"},\
            "valid":{...},"learnt"}.

            EXAMPLES
              ouro data pack --model DIR --input book.txt chats.jsonl -o shards
              ouro data pack --tokenizer tokenizer.json --input stories.txt --separator "<|endoftext|>" -o shards
              ouro data pack --model DIR --input all.jsonl --validation-fraction 0.01 -o shards --json
            """)

    @OptionGroup var encoding: EncoderOptions
    @OptionGroup var dataset: DatasetOptions

    @Option(parsing: .upToNextOption, help: ArgumentHelp("The files to pack.", valueName: "file"))
    var input: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("The folder for the shards.", valueName: "dir"))
    var output: String

    @Option(help: ArgumentHelp("What stands between the documents of a text file.", valueName: "text"))
    var separator: String?

    @Flag(help: "Learn prompts, too, not only their completions.")
    var learnPrompts = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let (encoder, vocabularySize) = try await encoding.load()
        let urls = input.map { URL(fileURLWithPath: $0) }
        for url in urls where !FileManager.default.isReadableFile(atPath: url.path) {
            throw OuroError(.unreadableFile, file: url.path, "there is no such file, or it cannot be read")
        }
        let sizes = urls.map { url in (try? url.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0 }
        let bar = ProgressBar("packing", total: sizes.reduce(0, +))
        var packing = DataPacking(encoder: encoder)
        packing.separator = separator
        packing.validationFraction = dataset.validationFraction
        packing.learnsPrompts = learnPrompts
        packing.progress = { bar.show($0) }
        defer { bar.clear() }
        let summary = try packing.run(
            urls, to: try dataset.writer(output, encoder, vocabularySize: vocabularySize))
        bar.clear()
        PackReport.write(summary, json: json)
    }
}

struct DataSynth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synth", abstract: "Generate synthetic tasks with answers.",
        discussion: """
            Writes JSON lines, {"prompt","completion","level"}, or with --pack token shards. The same seed gives the same \
            examples. Training and test examples are disjoint whatever the seeds.

            TASKS
            \(SyntheticTaskOption.list)

            EXAMPLES
              ouro data synth --task mano --level 1-4 --seed 1 --count 100000 -o mano.jsonl
              ouro data synth --task chain --level 3 --count 5 -o -
              ouro data synth --task stories --count 50000 --pack --model DIR -o shards
            """)

    @Option(help: "Which task.")
    var task: String

    @Option(help: ArgumentHelp("Levels, in turn (default: all).", valueName: "1-4"))
    var level: String?

    @Option(help: "The same seed gives the same examples.")
    var seed: UInt64 = 1

    @Option(help: "How many examples.")
    var count = 1000

    @Option(help: ArgumentHelp("Examples to train on, or held out from that.", valueName: "train|test"))
    var split = DataSplit.train

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file (- is standard output), or with --pack the folder.", valueName: "path"))
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
            throw ValidationError("--model and --tokenizer go with --pack")
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
            return PackReport.write(summary, json: json)
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

/// What was packed, for people or programs.
private enum PackReport {
    static func write(_ summary: DataPacking.Summary, json: Bool) {
        func number(_ values: [DatasetPart: Int], _ part: DatasetPart) -> Int { values[part] ?? 0 }
        if !summary.droppedBytes.isEmpty {
            let list = summary.droppedBytes.sorted().map { "0x" + String($0, radix: 16) }.joined(separator: " ")
            Terminal.writeError("note: the vocabulary has no token for the bytes \(list); they are dropped\n")
        }
        if json {
            func part(_ part: DatasetPart) -> JSONOutput {
                .object([
                    "documents": .int(number(summary.documents, part)), "tokens": .int(number(summary.tokens, part)),
                ])
            }
            let line = JSONOutput.object([
                "train": part(.train), "valid": part(.valid), "learnt": .int(summary.learnt),
            ])
            return Terminal.write(line.text + "\n")
        }
        for part in DatasetPart.allCases where number(summary.documents, part) > 0 {
            Terminal.write(
                "\(part.rawValue): \(number(summary.documents, part)) documents, \(number(summary.tokens, part)) tokens\n"
            )
        }
        Terminal.write("\(summary.learnt) tokens are learnt\n")
    }
}

/// Lines that go to a file, which appears complete or not at all, or to standard output.
private final class LineSink {
    private let file: AtomicFile?
    private var pending = Data()
    private var position = 0

    init(_ path: String) throws(OuroError) {
        file = path == "-" ? nil : try AtomicFile(URL(fileURLWithPath: path))
    }

    func write(_ line: String) throws(OuroError) {
        pending.append(contentsOf: line.utf8)
        pending.append(UInt8(ascii: "\n"))
        if pending.count >= 1 << 16 { try flush() }
    }

    func finish() throws(OuroError) {
        try flush()
        try file?.commit()
    }

    private func flush() throws(OuroError) {
        if let file {
            try file.write(pending, at: position)
        } else {
            FileHandle.standardOutput.write(pending)
        }
        position += pending.count
        pending.removeAll(keepingCapacity: true)
    }
}
