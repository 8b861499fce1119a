import ArgumentParser
import Foundation
import OuroData

/// The options of a data set to write.
struct DatasetOptions: ParsableArguments {
    @Option(help: "Maximum number of tokens per shard.")
    var shardTokens = 100_000_000

    @Option(help: ArgumentHelp("Fraction of the documents to use for validation.", valueName: "0...1"))
    var validationFraction = 0.0

    @Flag(help: "Replace the data set in the output folder.")
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
