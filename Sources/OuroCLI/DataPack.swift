import ArgumentParser
import Foundation
import Ouro
import OuroData

struct DataPack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack", abstract: "Convert text and JSON lines into token shards.",
        usage: "ouro data pack [<options>] --input <file> ... --output <dir>",
        discussion: """
            A file that ends in .jsonl has one document per line, of one of three kinds:
              {"text"}
              {"prompt","completion"}: the loss covers the completion
              {"messages":[{"role","content"}]}: the chat template is applied,
                and the loss covers the assistant's messages

            Every other file is one document. --separator splits it into several. --json prints \
            {"train":{"documents","tokens"},"valid":{...},"learnt"}.

            EXAMPLES
              ouro data pack --model DIR --input book.txt chats.jsonl -o shards
              ouro data pack --tokenizer tokenizer.json --input stories.txt \\
                --separator "<|endoftext|>" -o shards
              ouro data pack --model DIR --input all.jsonl \\
                --validation-fraction 0.01 -o shards --json
            """)

    @OptionGroup var encoding: EncoderOptions
    @OptionGroup var dataset: DatasetOptions

    @Option(parsing: .upToNextOption, help: ArgumentHelp("The files to pack.", valueName: "file"))
    var input: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("The folder for the shards.", valueName: "dir"))
    var output: String

    @Option(help: ArgumentHelp("The text that separates the documents of a text file.", valueName: "text"))
    var separator: String?

    @Flag(help: "Compute the loss on prompts too.")
    var learnPrompts = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let (encoder, vocabularySize) = try await encoding.load()
        let urls = input.map { URL(fileURLWithPath: $0) }
        for url in urls where !FileManager.default.isReadableFile(atPath: url.path) {
            throw OuroError(
                .unreadableFile, file: url.path,
                "there is no such file, or it cannot be read; check the path and its permissions")
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
