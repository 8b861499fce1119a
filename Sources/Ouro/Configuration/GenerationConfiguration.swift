import Foundation

/// The sampling defaults of a model (`generation_config.json`). A property is nil if the file does not set it.
public struct GenerationConfiguration: Sendable, Equatable {
    /// Whether to sample (`do_sample`). If false, the most likely token is taken, and the sampling parameters are
    /// ignored.
    public var doSample: Bool?
    /// Temperature (`temperature`).
    public var temperature: Float?
    /// Number of tokens kept by top-k (`top_k`).
    public var topK: Int?
    /// Probability mass kept by top-p (`top_p`).
    public var topP: Float?
    /// Least probability kept by min-p, relative to the most likely token (`min_p`).
    public var minP: Float?
    /// Repetition penalty (`repetition_penalty`).
    public var repetitionPenalty: Float?
    /// Tokens that end a text (`eos_token_id`, a number or an array). They replace the tokens in `config.json`.
    public var eosTokenIDs: [Int]?
    /// The token at the start of a text (`bos_token_id`).
    public var bosTokenID: Int?
    /// The padding token (`pad_token_id`).
    public var padTokenID: Int?
    /// Most tokens to generate (`max_new_tokens`).
    public var maxNewTokens: Int?

    /// Makes a configuration that sets nothing.
    public init() {}

    static let fileName = "generation_config.json"

    /// Reads the file of a model folder. If the folder has no such file, every property is nil.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`, or with `invalidConfiguration` and the name of a field that
    ///   has the wrong type or is out of range.
    public static func load(fromModelFolder folder: URL) throws(OuroError) -> GenerationConfiguration {
        let url = folder.appendingPathComponent(fileName)
        guard FileManager.default.fileExists(atPath: url.path) else { return GenerationConfiguration() }
        return try GenerationConfiguration(Fields.configuration(contentsOf: url))
    }

    init(_ fields: Fields) throws(OuroError) {
        doSample = try fields.flag("do_sample")
        temperature = try fields.number("temperature").map { Float($0) }
        topK = try fields.integer("top_k")
        topP = try fields.number("top_p").map { Float($0) }
        minP = try fields.number("min_p").map { Float($0) }
        repetitionPenalty = try fields.number("repetition_penalty").map { Float($0) }
        eosTokenIDs = try fields.tokens("eos_token_id")
        bosTokenID = try fields.token("bos_token_id")
        padTokenID = try fields.token("pad_token_id")
        maxNewTokens = try fields.integer("max_new_tokens")
        try validate(file: fields.file)
    }

    /// Checks the values against the ranges of request parameters.
    private func validate(file: String?) throws(OuroError) {
        let sampling = SamplingParameters(
            temperature: temperature ?? 0, topK: topK ?? 0, topP: topP ?? 1, minP: minP ?? 0,
            repetitionPenalty: repetitionPenalty ?? 1)
        do {
            try sampling.validate(vocabularySize: .max)
        } catch {
            throw OuroError(.invalidConfiguration, file: file, field: error.field, error.message)
        }
        if let maxNewTokens {
            try RangeChecks(file: file).check("max_new_tokens", maxNewTokens, 1...Int(Int32.max))
        }
    }

    /// Checks that the vocabulary contains all tokens. The file itself does not give the size of the vocabulary.
    ///
    /// - Throws: ``OuroError`` with code `invalidConfiguration`.
    func validate(vocabularySize: Int, file: String?) throws(OuroError) {
        let checks = RangeChecks(file: file)
        if let id = bosTokenID { try checks.checkToken("bos_token_id", id, vocabularySize: vocabularySize) }
        if let id = padTokenID { try checks.checkToken("pad_token_id", id, vocabularySize: vocabularySize) }
        for id in eosTokenIDs ?? [] { try checks.checkToken("eos_token_id", id, vocabularySize: vocabularySize) }
    }
}
