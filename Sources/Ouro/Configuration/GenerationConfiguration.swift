import Foundation

/// A model's own defaults for generation (`generation_config.json`). Nil is what the file does not say.
public struct GenerationConfiguration: Sendable, Equatable {
    /// Whether to sample at all (`do_sample`); if not, temperature and filters are not applied.
    public var doSample: Bool?
    public var temperature: Float?
    public var topK: Int?
    public var topP: Float?
    public var minP: Float?
    public var repetitionPenalty: Float?
    /// Tokens that end a text (`eos_token_id`, a number or a list); they take the place of `config.json`'s.
    public var eosTokenIDs: [Int]?
    public var bosTokenID: Int?
    public var padTokenID: Int?
    /// Tokens to generate at most (`max_new_tokens`).
    public var maxNewTokens: Int?

    public init() {}

    static let fileName = "generation_config.json"

    /// Reads the file of a model folder; without one everything is nil.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`, or `invalidConfiguration` naming a field of the wrong type or
    ///   out of range.
    public static func load(fromModelFolder folder: URL) throws(OuroError) -> GenerationConfiguration {
        let url = folder.appendingPathComponent(fileName)
        guard FileManager.default.fileExists(atPath: url.path) else { return GenerationConfiguration() }
        return try GenerationConfiguration(ConfigurationFields(contentsOf: url))
    }

    init(_ fields: ConfigurationFields) throws(OuroError) {
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

    /// The ranges are those of a request's parameters.
    private func validate(file: String) throws(OuroError) {
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

    /// Checks that all tokens are in the model's vocabulary, which this file does not know.
    ///
    /// - Throws: ``OuroError`` with code `invalidConfiguration`.
    func validate(vocabularySize: Int, file: String) throws(OuroError) {
        let checks = RangeChecks(file: file)
        if let id = bosTokenID { try checks.checkToken("bos_token_id", id, vocabularySize: vocabularySize) }
        if let id = padTokenID { try checks.checkToken("pad_token_id", id, vocabularySize: vocabularySize) }
        for id in eosTokenIDs ?? [] { try checks.checkToken("eos_token_id", id, vocabularySize: vocabularySize) }
    }
}
