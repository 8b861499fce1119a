import Ouro

/// How to quantise a model.
public struct QuantisationOptions: Sendable, Equatable {
    /// Bits of the looped block's matrices: 4 or 8.
    public var bits: Int
    /// Inputs that share a scale and a bias: 32, 64 or 128.
    public var groupSize: Int
    /// Bits of the embedding; nil leaves it as it is. A token reads it once, not once per loop, and it is more sensitive
    /// than the block. A head that is tied to the embedding has the embedding's bits.
    public var embeddingBits: Int?
    /// Bits of the head; nil leaves it as it is.
    public var headBits: Int?
    /// Bits of the exit gate, which is one row of numbers. Nil, the default, leaves it as it is.
    public var gateBits: Int?
    /// A text like those that the model will see. With it, the block's weights are rounded so that their errors cancel out
    /// on this text, over all loops. Without it, each weight goes to its nearest value. A long text is sampled evenly.
    public var calibration: [Int]?
    /// The largest number of tokens that are used from ``calibration``.
    public var calibrationTokens: Int
    /// Layers whose statistics one run over the text gathers. The layers before them are quantised already. Nil chooses as
    /// many as take 768 MiB, and at most a quarter of the layers.
    public var layersPerRun: Int?
    /// Whether to write into a folder that has other files in it.
    public var replacesFiles: Bool
    /// Threads; by default one for each physical core. The result does not depend on the number.
    public var threads: Int?

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

    /// Tokens of a window of the calibration text.
    static let windowLength = 512
    /// Fewer tokens say too little about a model's inputs.
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
                    + "which \(calibrationTokens) may be used")
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

    /// How to store a weight; nil if it stays as it is.
    ///
    /// - Parameters:
    ///   - weight: its name in a checkpoint of the model.
    func setting(of weight: String, shape: [Int], in names: TensorNames) -> QuantisationSetting? {
        guard shape.count == 2, shape[1] % groupSize == 0, let bits = bits(of: weight, in: names) else { return nil }
        return QuantisationSetting(bits: bits, groupSize: groupSize)
    }

    /// The bits that these options ask for, whether or not groups divide the weight's rows.
    func bits(of weight: String, in names: TensorNames) -> Int? {
        switch weight {
        case names.embedding.name: embeddingBits
        case names.head.name: headBits
        case names.exitGate.name: gateBits
        default: bits
        }
    }
}
