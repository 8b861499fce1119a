import Foundation

extension ModelConfiguration {
    /// Reads a `config.json`.
    ///
    /// Fields that determine the shape of the model are required, because the defaults in the reference implementation
    /// are those of another model. Fields that do not change the arithmetic are ignored.
    ///
    /// - Throws: ``OuroError`` with one of these codes:
    ///   - `unreadableFile` if the file cannot be read;
    ///   - `unsupported` for an unsupported family, activation, bias or kind of RoPE;
    ///   - `invalidConfiguration` for a field that is missing, of another type or out of range.
    public init(contentsOf url: URL) throws(OuroError) {
        try self.init(Fields.configuration(contentsOf: url))
    }

    /// Reads the content of a `config.json`. `file` is the name in errors.
    init(parsing data: Data, file: String) throws(OuroError) {
        try self.init(Fields.configuration(parsing: data, file: file))
    }

    private init(_ fields: Fields) throws(OuroError) {
        let family = try Self.family(fields)
        let hiddenSize = try fields.required("hidden_size", fields.integer("hidden_size"))
        let headCount = try fields.required("num_attention_heads", fields.integer("num_attention_heads"))
        let contextLength = try fields.required("max_position_embeddings", fields.integer("max_position_embeddings"))
        // YaRN uses this value as its default original context, so it is checked first.
        try RangeChecks(file: fields.file).check(
            "max_position_embeddings", contextLength, ConfigurationLimits.context)
        self.init(
            vocabularySize: try fields.required("vocab_size", fields.integer("vocab_size")),
            hiddenSize: hiddenSize,
            intermediateSize: try fields.required("intermediate_size", fields.integer("intermediate_size")),
            layerCount: try fields.required("num_hidden_layers", fields.integer("num_hidden_layers")),
            headCount: headCount,
            keyValueHeadCount: try fields.integer("num_key_value_heads"),
            headDimension: try Self.headDimension(fields, hiddenSize: hiddenSize, headCount: headCount),
            contextLength: contextLength,
            loops: try fields.required("total_ut_steps", fields.integer("total_ut_steps")),
            exitThreshold: try fields.number("early_exit_threshold").map { Float($0) } ?? 1,
            rmsNormEpsilon: Float(try fields.required("rms_norm_eps", fields.number("rms_norm_eps"))),
            tiesWordEmbeddings: try fields.flag("tie_word_embeddings") ?? false,
            rope: try RopeConfiguration(fields, contextLength: contextLength),
            bosTokenID: try fields.token("bos_token_id"),
            eosTokenIDs: try fields.tokens("eos_token_id") ?? [],
            padTokenID: try fields.token("pad_token_id"),
            dataType: try fields.string(fields["dtype"] == nil ? "torch_dtype" : "dtype"))
        self.family = family
        try validateSizes(file: fields.file)
        slidingWindows = try Self.slidingWindows(fields, layerCount: layerCount)
        quantisation = try QuantisationConfiguration(fields)
        try validate(file: fields.file ?? "config.json")
    }

    /// The family of the model. Rejects the families, activations and biases that this package cannot compute.
    private static func family(_ fields: Fields) throws(OuroError) -> ModelFamily {
        let kind = try fields.required("model_type", fields.string("model_type"))
        guard let family = ModelFamily(rawValue: kind) else {
            throw fields.failure(
                "model_type", code: .unsupported,
                "expected a kind of model that this package knows (\(ModelFamily.list)), found "
                    + JSONValue.quote(kind))
        }
        let activation = try fields.string("hidden_act") ?? "silu"
        guard activation == "silu" else {
            throw fields.failure(
                "hidden_act", code: .unsupported, "expected 'silu', found \(JSONValue.quote(activation))")
        }
        for name in ["attention_bias", "mlp_bias"] where try fields.flag(name) == true {
            throw fields.failure(name, code: .unsupported, "expected false, found true: Ouro's layers have no biases")
        }
        return family
    }

    private static func headDimension(
        _ fields: Fields, hiddenSize: Int, headCount: Int
    ) throws(OuroError) -> Int? {
        if let given = try fields.integer("head_dim") { return given }
        guard headCount <= 0 || hiddenSize % headCount == 0 else {
            throw fields.failure(
                "head_dim",
                "the field is missing, and hidden_size \(hiddenSize) is not a multiple of num_attention_heads "
                    + "\(headCount)")
        }
        return nil
    }

    /// The window of each layer. As in the reference implementation, `layer_types` takes precedence. Otherwise the
    /// layers from `max_window_layers` on have the window, if `use_sliding_window` is true.
    private static func slidingWindows(
        _ fields: Fields, layerCount: Int
    ) throws(OuroError) -> [Int?] {
        let slides = try fields.flag("use_sliding_window") ?? false
        // Published files have a window beside `use_sliding_window: false`. It has no effect.
        let window = slides ? try fields.integer("sliding_window") : nil
        if let types = try fields.strings("layer_types") {
            return try slidingWindows(fields, types: types, window: window, layerCount: layerCount)
        }
        guard let window else {
            guard !slides || fields.members["sliding_window"] != nil else {
                throw fields.failure(
                    "sliding_window",
                    "the field is missing, although use_sliding_window is true: expected a number of positions, or "
                        + "null for none")
            }
            return Array(repeating: nil, count: layerCount)
        }
        let first = try fields.required("max_window_layers", fields.integer("max_window_layers"))
        guard first >= 0 else {
            throw fields.failure("max_window_layers", "expected an integer from 0, found \(first)")
        }
        return (0..<layerCount).map { $0 >= first ? window : nil }
    }

    private static func slidingWindows(
        _ fields: Fields, types: [String], window: Int?, layerCount: Int
    ) throws(OuroError) -> [Int?] {
        guard types.count == layerCount else {
            throw fields.failure("layer_types", "expected one for each of \(layerCount) layers, found \(types.count)")
        }
        var windows: [Int?] = []
        for (index, type) in types.enumerated() {
            switch type {
            case "full_attention": windows.append(nil)
            case "sliding_attention":
                guard let window else {
                    // The reference implementation ignores the window unless `use_sliding_window` is true.
                    let isOff = try fields.flag("use_sliding_window") != true
                    throw fields.failure(
                        isOff ? "use_sliding_window" : "sliding_window",
                        "layer_types has 'sliding_attention' for layer \(index), but there is no window: expected "
                            + "use_sliding_window true and sliding_window a number of positions")
                }
                windows.append(window)
            default:
                throw fields.failure(
                    "layer_types[\(index)]", code: .unsupported,
                    "expected 'full_attention' or 'sliding_attention', found \(JSONValue.quote(type))")
            }
        }
        return windows
    }
}
