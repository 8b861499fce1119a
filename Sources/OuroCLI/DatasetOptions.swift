import ArgumentParser
import Foundation
import OuroData

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
