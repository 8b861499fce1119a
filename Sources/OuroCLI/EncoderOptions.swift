import ArgumentParser
import Foundation
import Ouro
import OuroData

/// The options that choose a tokenizer.
struct EncoderOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Model folder with tokenizer.json, chat template and config.json.", valueName: "dir|ORG/NAME"))
    var model: String?

    @Option(help: ArgumentHelp("A tokenizer.json file, instead of --model.", valueName: "file"))
    var tokenizer: String?

    @Option(
        help: ArgumentHelp(
            "The token that ends every document (default: <|endoftext|>, else the model's end of text).",
            valueName: "id"))
    var endToken: Int?

    func validate() throws {
        if model != nil, tokenizer != nil {
            throw ValidationError("--model and --tokenizer exclude each other; give one of them")
        }
    }

    /// Loads the encoder, and the size of its vocabulary.
    func load() async throws -> (encoder: DocumentEncoder, vocabularySize: Int) {
        guard let path = model ?? tokenizer else {
            throw ValidationError("give --model or --tokenizer: text needs a tokenizer")
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
            "the tokenizer has no token <|endoftext|>; give the id of the end-of-document token with --end-token")
    }
}
