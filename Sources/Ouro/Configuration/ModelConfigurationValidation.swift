/// Limits of a model's sizes. They are far above those of any existing model, and no product of sizes can overflow.
enum ConfigurationLimits {
    static let vocabulary = 1...1 << 24
    static let width = 1...1 << 20
    static let layers = 1...1024
    static let heads = 1...4096
    static let headDimension = 2...4096
    /// Positions are multiplied by frequencies in f32, which represents every integer up to this limit.
    static let context = 1...1 << 24
    static let loops = RequestLimits.loops
    static let window = 1...1 << 30
    /// Most parameters of a model.
    static let parameters = 1 << 40
}

/// Range checks. Their errors name the file and the field, and say what was expected and found.
struct RangeChecks {
    let file: String?

    func check(_ field: String, _ value: Int, _ range: ClosedRange<Int>) throws(OuroError) {
        guard range.contains(value) else {
            throw failure(
                field, "expected an integer from \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
    }

    /// Checks that `above < value <= upTo`.
    func check(_ field: String, _ value: Double, above: Double, upTo: Double) throws(OuroError) {
        guard value > above, value <= upTo else {
            throw failure(field, "expected a number above \(above) and at most \(upTo), found \(value)")
        }
    }

    func check(_ field: String, _ value: Double, _ range: ClosedRange<Double>) throws(OuroError) {
        guard range.contains(value) else {
            throw failure(field, "expected a number from \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
    }

    /// Checks that a token is in the vocabulary.
    func checkToken(_ field: String, _ id: Int, vocabularySize: Int) throws(OuroError) {
        guard id >= 0, id < vocabularySize else {
            throw failure(field, "token \(id) is not in the vocabulary, expected 0 to \(vocabularySize - 1)")
        }
    }

    func failure(_ field: String, _ message: String) -> OuroError {
        OuroError(.invalidConfiguration, file: file, field: field, message)
    }
}

extension ModelConfiguration {
    /// Checks that a model can have these values. `file` is the name in errors.
    ///
    /// - Throws: ``OuroError`` with code `invalidConfiguration` and the name of the field in `config.json`.
    public func validate(file: String = "config.json") throws(OuroError) {
        try validateSizes(file: file)
        let checks = RangeChecks(file: file)
        try checks.check("early_exit_threshold", Double(exitThreshold), 0...1e6)
        try checks.check("rms_norm_eps", Double(rmsNormEpsilon), above: 0, upTo: 1)
        try rope.validate(file: file)
        try quantisation?.validate(file: file)
        guard slidingWindows.count == layerCount else {
            throw checks.failure(
                "layer_types", "expected one for each of \(layerCount) layers, found \(slidingWindows.count)")
        }
        for case let window? in slidingWindows {
            try checks.check("sliding_window", window, ConfigurationLimits.window)
        }
        if let id = bosTokenID { try checks.checkToken("bos_token_id", id, vocabularySize: vocabularySize) }
        if let id = padTokenID { try checks.checkToken("pad_token_id", id, vocabularySize: vocabularySize) }
        for id in eosTokenIDs { try checks.checkToken("eos_token_id", id, vocabularySize: vocabularySize) }
    }

    /// The part of `validate(file:)` that checks sizes.
    func validateSizes(file: String?) throws(OuroError) {
        let checks = RangeChecks(file: file)
        try checks.check("vocab_size", vocabularySize, ConfigurationLimits.vocabulary)
        try checks.check("hidden_size", hiddenSize, ConfigurationLimits.width)
        try checks.check("intermediate_size", intermediateSize, ConfigurationLimits.width)
        try checks.check("num_hidden_layers", layerCount, ConfigurationLimits.layers)
        try checks.check("num_attention_heads", headCount, ConfigurationLimits.heads)
        try checks.check("num_key_value_heads", keyValueHeadCount, ConfigurationLimits.heads)
        try checks.check("head_dim", headDimension, ConfigurationLimits.headDimension)
        try checks.check("max_position_embeddings", contextLength, ConfigurationLimits.context)
        try checks.check("total_ut_steps", loops, ConfigurationLimits.loops)
        guard headCount % keyValueHeadCount == 0 else {
            throw checks.failure(
                "num_key_value_heads",
                "expected a divisor of num_attention_heads \(headCount), found \(keyValueHeadCount)")
        }
        guard headDimension % 2 == 0 else {
            throw checks.failure("head_dim", "expected an even number, found \(headDimension)")
        }
        guard matrixParameterCount <= ConfigurationLimits.parameters else {
            throw checks.failure(
                "hidden_size",
                "the sizes together make \(matrixParameterCount) parameters, expected at most "
                    + "\(ConfigurationLimits.parameters)")
        }
    }

    /// Number of parameters of all matrices. The limits of the single sizes keep it below `1 << 58`.
    private var matrixParameterCount: Int {
        let attention = 2 * hiddenSize * headDimension * (headCount + keyValueHeadCount)
        let mlp = 3 * hiddenSize * intermediateSize
        return layerCount * (attention + mlp) + (tiesWordEmbeddings ? 1 : 2) * vocabularySize * hiddenSize
    }
}
