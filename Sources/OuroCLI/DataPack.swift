import ArgumentParser
import Foundation
import Ouro
import OuroData

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
        try PackReport.write(summary, json: json)
    }
}
