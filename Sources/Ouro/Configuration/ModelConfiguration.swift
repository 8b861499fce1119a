/// The sizes and constants of a model: every field of `config.json` that changes its arithmetic.
///
/// The comment of each property names its field in `config.json`. ``init(contentsOf:)`` reads a file; the other
/// initialiser makes a configuration without a file. ``validate(file:)`` checks the values.
public struct ModelConfiguration: Sendable, Equatable {
    /// The family of the model (`model_type`).
    public internal(set) var family = ModelFamily.ouro
    /// Number of tokens in the vocabulary (`vocab_size`).
    public var vocabularySize: Int
    /// Values of a hidden state (`hidden_size`).
    public var hiddenSize: Int
    /// Values of the hidden layer of the MLP (`intermediate_size`).
    public var intermediateSize: Int
    /// Number of layers (`num_hidden_layers`). ``plan`` says which of them a loop runs.
    public var layerCount: Int
    /// Number of query heads (`num_attention_heads`).
    public var headCount: Int
    /// Number of key/value heads (`num_key_value_heads`). It divides ``headCount``.
    public var keyValueHeadCount: Int
    /// Values of a head (`head_dim`). The number is even, because RoPE rotates pairs.
    public var headDimension: Int
    /// Most positions of a sequence (`max_position_embeddings`).
    public var contextLength: Int
    /// Number of loops that the model was trained with (`total_ut_steps`).
    public var loops: Int
    /// Cumulative exit probability from which a token exits (`early_exit_threshold`). From 1 on, every token runs all
    /// loops.
    public var exitThreshold: Float
    /// The constant that every norm adds to the mean square (`rms_norm_eps`).
    public var rmsNormEpsilon: Float
    /// Whether the head uses the matrix of the embedding (`tie_word_embeddings`).
    public var tiesWordEmbeddings: Bool
    /// The position embedding (`rope_theta` and `rope_scaling`, or `rope_parameters`).
    public var rope: RopeConfiguration
    /// The attention window of each layer in positions; nil if the layer sees all positions. With window `w`, position
    /// `q` sees the keys `q - w < k <= q`. (Fields `use_sliding_window`, `sliding_window`, `max_window_layers` and
    /// `layer_types`.)
    public var slidingWindows: [Int?]
    /// The token at the start of a text (`bos_token_id`).
    public var bosTokenID: Int?
    /// Tokens that end a text (`eos_token_id`, a number or an array).
    public var eosTokenIDs: [Int]
    /// The padding token (`pad_token_id`).
    public var padTokenID: Int?
    /// The name of the weights' type (`torch_dtype` or `dtype`). It has no effect, because each tensor has a type of
    /// its own.
    public var dataType: String?
    /// How the matrices of the checkpoint are quantised (`quantization`); nil if they are not.
    public var quantisation: QuantisationConfiguration?

    /// Makes a configuration without a file, for a model with random weights, for example.
    ///
    /// Each parameter sets the property of the same name. If `keyValueHeadCount` is nil, there is one key/value head
    /// for each query head. If `headDimension` is nil, it is the hidden size divided by the number of query heads. If
    /// `slidingWindows` is nil, no layer has a window. The values are not checked; see ``validate(file:)``.
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
        // The number of layers may still be invalid, so it is limited here.
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

    /// The angles of RoPE: `headDimension / 2` inverse frequencies in radians per position, and the factor of cosines
    /// and sines.
    public func inverseFrequencies() -> (frequencies: [Float], attentionScaling: Float) {
        rope.inverseFrequencies(headDimension: headDimension)
    }
}
