import Ouro

/// How to quantise a model.
public struct QuantisationOptions: Sendable, Equatable {
    /// Bits of the looped block's matrices: 4 or 8.
    public var bits: Int
    /// Inputs that share a scale and a bias: 32, 64 or 128.
    public var groupSize: Int
    /// Bits of the embedding; nil does not quantise it. A token reads it once, not once per loop, and it is more
    /// sensitive than the block. A head that is tied to the embedding has the embedding's bits.
    public var embeddingBits: Int?
    /// Bits of the head; nil does not quantise it.
    public var headBits: Int?
    /// Bits of the exit gate, which is a single row. Nil, the default, does not quantise it.
    public var gateBits: Int?
    /// A text like those that the model will see. With it, the block's weights are rounded so that their errors cancel
    /// out on this text, over all loops. Without it, each weight is rounded to the nearest value.
    public var calibration: [Int]?
    /// The largest number of tokens of `calibration` that are used. A longer text is sampled evenly.
    public var calibrationTokens: Int
    /// Layers that are calibrated in one run over the text. The layers before them are already quantised. By default,
    /// as many as need 768 MiB for their statistics, and at most a quarter of the layers.
    public var layersPerRun: Int?
    /// Whether the output folder may contain other files.
    public var replacesFiles: Bool
    /// The number of threads; nil for one per physical core. The result does not depend on it.
    public var threads: Int?

    /// Makes options. The parameters are described at the properties of the same names.
    ///
    /// - Parameters:
    ///   - bits: bits of the looped block's matrices: 4 or 8.
    ///   - groupSize: inputs that share a scale and a bias: 32, 64 or 128.
    ///   - embeddingBits: bits of the embedding; nil does not quantise it.
    ///   - headBits: bits of the head; nil does not quantise it.
    ///   - gateBits: bits of the exit gate; nil does not quantise it.
    ///   - calibration: the tokens of a calibration text; nil rounds each weight to the nearest value.
    ///   - calibrationTokens: the largest number of tokens of `calibration` that are used.
    ///   - layersPerRun: layers that are calibrated in one run over the text.
    ///   - replacesFiles: whether the output folder may contain other files.
    ///   - threads: the number of threads; nil for one per physical core.
    public init(
        bits: Int = 4, groupSize: Int = 64, embeddingBits: Int? = 8, headBits: Int? = 8, gateBits: Int? = nil,
        calibration: [Int]? = nil, calibrationTokens: Int = 8192, layersPerRun: Int? = nil, replacesFiles: Bool = false,
        threads: Int? = nil
    ) {
        self.bits = bits
        self.groupSize = groupSize
        self.embeddingBits = embeddingBits
        self.headBits = headBits
        self.gateBits = gateBits
        self.calibration = calibration
        self.calibrationTokens = calibrationTokens
        self.layersPerRun = layersPerRun
        self.replacesFiles = replacesFiles
        self.threads = threads
    }

    /// Tokens of a calibration window.
    static let windowLength = 512
    /// The smallest calibration text, in tokens. Fewer tokens give poor statistics.
    static let leastCalibrationTokens = 128

    func validate(for configuration: ModelConfiguration) throws(OuroError) {
        let named: [(String, Int?)] = [
            ("bits", bits), ("embeddingBits", embeddingBits), ("headBits", headBits), ("gateBits", gateBits),
        ]
        for case (let name, let bits?) in named where !QuantisationSetting.knownBits.contains(bits) {
            throw OuroError(.invalidRequest, field: name, "expected 4 or 8, found \(bits)")
        }
        guard QuantisationSetting.knownGroupSizes.contains(groupSize) else {
            throw OuroError(.invalidRequest, field: "groupSize", "expected 32, 64 or 128, found \(groupSize)")
        }
        if let layersPerRun, layersPerRun < 1 {
            throw OuroError(.invalidRequest, field: "layersPerRun", "expected at least 1, found \(layersPerRun)")
        }
        if let threads, !(1...1024).contains(threads) {
            throw OuroError(.invalidRequest, field: "threads", "expected 1 to 1024, found \(threads)")
        }
        guard let calibration else { return }
        guard min(calibration.count, calibrationTokens) >= Self.leastCalibrationTokens else {
            throw OuroError(
                .invalidRequest, field: "calibration",
                "expected a text of at least \(Self.leastCalibrationTokens) tokens, found \(calibration.count), of "
                    + "which at most \(calibrationTokens) are used")
        }
        try Self.check(calibration, vocabularySize: configuration.vocabularySize, field: "calibration")
    }

    static func check(_ tokens: [Int], vocabularySize: Int, field: String) throws(OuroError) {
        guard !tokens.isEmpty else { throw OuroError(.invalidRequest, field: field, "the text is empty") }
        if let bad = tokens.first(where: { !(0..<vocabularySize).contains($0) }) {
            throw OuroError(
                .invalidRequest, field: field, "token \(bad) is not in the vocabulary (0 to \(vocabularySize - 1))")
        }
    }

    /// How to store a weight; nil if it is not quantised.
    ///
    /// - Parameters:
    ///   - weight: the weight's name in a checkpoint.
    ///   - shape: the weight's shape, [outputs][inputs].
    ///   - names: the tensor names of the model.
    func setting(of weight: String, shape: [Int], in names: TensorNames) -> QuantisationSetting? {
        guard shape.count == 2, shape[1] % groupSize == 0, let bits = bits(of: weight, in: names) else { return nil }
        return QuantisationSetting(bits: bits, groupSize: groupSize)
    }

    /// The bits that the options request for a weight, even if the group size does not divide its rows.
    func bits(of weight: String, in names: TensorNames) -> Int? {
        switch weight {
        case names.embedding.name: embeddingBits
        case names.head.name: headBits
        case names.exitGate.name: gateBits
        default: bits
        }
    }
}
