/// The shape and the constants of a model: every field of `config.json` that changes its arithmetic.
///
/// Each property's comment has the field's name in `config.json`. ``init(contentsOf:)`` reads a file; the other initialiser
/// makes a configuration without one. ``validate(file:)`` checks that a model can have these values.
public struct ModelConfiguration: Sendable, Equatable {
    /// The kind of model (`model_type`).
    public internal(set) var architecture = Architecture.ouro
    /// Tokens of the vocabulary (`vocab_size`).
    public var vocabularySize: Int
    /// Values of a hidden state (`hidden_size`).
    public var hiddenSize: Int
    /// Values inside the MLP (`intermediate_size`).
    public var intermediateSize: Int
    /// Layers of the model (`num_hidden_layers`). ``plan`` says which of them a loop runs.
    public var layerCount: Int
    /// Heads of queries (`num_attention_heads`).
    public var headCount: Int
    /// Heads of keys and values (`num_key_value_heads`). Each serves the same number of query heads.
    public var keyValueHeadCount: Int
    /// Values of a head (`head_dim`). The number is even, because RoPE turns pairs.
    public var headDimension: Int
    /// Positions that a sequence may have (`max_position_embeddings`).
    public var contextLength: Int
    /// Loops the model was trained with (`total_ut_steps`).
    public var loops: Int
    /// Cumulative exit probability at which a token exits (`early_exit_threshold`). At 1 and above, every token runs all loops.
    public var exitThreshold: Float
    /// Added to the mean square in every norm (`rms_norm_eps`).
    public var rmsNormEpsilon: Float
    /// Whether the head is the embedding's matrix (`tie_word_embeddings`).
    public var tiesWordEmbeddings: Bool
    /// The position embedding (`rope_theta` and `rope_scaling`, or `rope_parameters`).
    public var rope: RopeConfiguration
    /// For every layer how many positions it sees, its own included, or nil for all (`use_sliding_window`,
    /// `sliding_window`, `max_window_layers`, `layer_types`). With window `w`, position `q` sees keys `q - w < k <= q`.
    public var slidingWindows: [Int?]
    /// Start of text (`bos_token_id`).
    public var bosTokenID: Int?
    /// Tokens that end a text (`eos_token_id`, a number or a list).
    public var eosTokenIDs: [Int]
    /// Padding (`pad_token_id`).
    public var padTokenID: Int?
    /// The weights' type as the file names it (`torch_dtype` or `dtype`). Nothing depends on it: tensors have their own types.
    public var dataType: String?
    /// How the checkpoint's matrices are quantised (`quantization`); nil if they are not.
    public var quantisation: QuantisationConfiguration?

    /// A configuration without a file, as for a model with random weights.
    ///
    /// - Parameters:
    ///   - keyValueHeadCount: by default one for every head of queries.
    ///   - headDimension: by default the hidden size divided by the number of heads.
    ///   - slidingWindows: by default none in any layer.
    public init(
        vocabularySize: Int, hiddenSize: Int, intermediateSize: Int, layerCount: Int, headCount: Int,
        keyValueHeadCount: Int? = nil, headDimension: Int? = nil, contextLength: Int, loops: Int = 4,
        exitThreshold: Float = 1, rmsNormEpsilon: Float = 1e-6, tiesWordEmbeddings: Bool = false,
        rope: RopeConfiguration = RopeConfiguration(theta: 1_000_000), slidingWindows: [Int?]? = nil,
        bosTokenID: Int? = nil, eosTokenIDs: [Int] = [], padTokenID: Int? = nil, dataType: String? = nil
    ) {
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount ?? headCount
        self.headDimension = headDimension ?? hiddenSize / max(headCount, 1)
        self.contextLength = contextLength
        self.loops = loops
        self.exitThreshold = exitThreshold
        self.rmsNormEpsilon = rmsNormEpsilon
        self.tiesWordEmbeddings = tiesWordEmbeddings
        self.rope = rope
        // Clamped, because the layers are not validated yet.
        self.slidingWindows =
            slidingWindows
            ?? Array(repeating: nil, count: min(max(layerCount, 0), ConfigurationLimits.layers.upperBound))
        self.bosTokenID = bosTokenID
        self.eosTokenIDs = eosTokenIDs
        self.padTokenID = padTokenID
        self.dataType = dataType
    }

    /// The old name of ``loops``.
    @available(*, deprecated, renamed: "loops")
    public var totalUTSteps: Int {
        get { loops }
        set { loops = newValue }
    }

    /// RoPE's inverse frequencies, `headDimension / 2` of them in radians per position, and what its cosines and sines
    /// are multiplied by.
    public func inverseFrequencies() -> (frequencies: [Float], attentionScaling: Float) {
        rope.inverseFrequencies(headDimension: headDimension)
    }
}
