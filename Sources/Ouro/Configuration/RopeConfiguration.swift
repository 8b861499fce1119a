/// Rotary position embedding (RoPE): how a position turns into angles.
///
/// Position `p` rotates pair `i` of a head by `p` times the `i`-th inverse frequency.
public struct RopeConfiguration: Sendable, Equatable {
    /// The base of the geometric series of frequencies (`rope_theta`).
    public var theta: Double
    /// How the frequencies are scaled for long contexts (`rope_type` and its parameters).
    public var scaling: RopeScaling

    /// Makes a configuration. The values are not checked.
    ///
    /// - Parameters:
    ///   - theta: the base of the frequencies.
    ///   - scaling: how the frequencies are scaled for long contexts.
    public init(theta: Double, scaling: RopeScaling = .default) {
        self.theta = theta
        self.scaling = scaling
    }
}

/// How RoPE's frequencies are scaled for contexts longer than the training context.
///
/// Reference: `ROPE_INIT_FUNCTIONS` of Transformers 4.57. Its types `dynamic` and `longrope` are not supported, because
/// their frequencies depend on the length of the sequence.
public enum RopeScaling: Sendable, Equatable {
    /// The frequencies are not scaled.
    case `default`
    /// All frequencies are divided by `factor`.
    case linear(factor: Double)
    /// YaRN.
    case yarn(YarnScaling)
    /// The scaling of Llama 3.
    case llama3(Llama3Scaling)
}

/// YaRN keeps high frequencies and divides low ones by `factor`. A linear ramp connects the two ranges.
public struct YarnScaling: Sendable, Equatable {
    /// The divisor of the low frequencies.
    public var factor: Double
    /// The training context in positions (`original_max_position_embeddings`).
    public var originalContextLength: Int
    /// A frequency is kept if it makes at least this many rotations within the training context (`beta_fast`).
    public var betaFast: Double
    /// A frequency is divided if it makes at most this many rotations within the training context (`beta_slow`).
    public var betaSlow: Double
    /// The factor of cosines and sines (`attention_factor`, or a function of `mscale` and `mscale_all_dim`).
    public var attentionFactor: Double
    /// Whether the ends of the ramp are rounded to whole frequency indices (`truncate`).
    public var truncatesRamp: Bool

    /// Makes a scaling. Each parameter sets the property of the same name. If `attentionFactor` is nil, it is `0.1
    /// ln(factor) + 1`.
    public init(
        factor: Double, originalContextLength: Int, betaFast: Double = 32, betaSlow: Double = 1,
        attentionFactor: Double? = nil, truncatesRamp: Bool = true
    ) {
        self.factor = factor
        self.originalContextLength = originalContextLength
        self.betaFast = betaFast
        self.betaSlow = betaSlow
        self.attentionFactor = attentionFactor ?? Self.attentionFactor(factor: factor)
        self.truncatesRamp = truncatesRamp
    }
}

/// The scaling of Llama 3. It divides low frequencies by `factor` and keeps high ones; between them it interpolates.
public struct Llama3Scaling: Sendable, Equatable {
    /// The divisor of the low frequencies.
    public var factor: Double
    /// A frequency is divided if it makes at most this many rotations within the training context (`low_freq_factor`).
    public var lowFrequencyFactor: Double
    /// A frequency is kept if it makes at least this many rotations within the training context (`high_freq_factor`).
    public var highFrequencyFactor: Double
    /// The training context in positions (`original_max_position_embeddings`).
    public var originalContextLength: Int

    /// Makes a scaling. Each parameter sets the property of the same name.
    public init(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContextLength: Int
    ) {
        self.factor = factor
        self.lowFrequencyFactor = lowFrequencyFactor
        self.highFrequencyFactor = highFrequencyFactor
        self.originalContextLength = originalContextLength
    }
}

extension RopeScaling: CustomStringConvertible {
    /// A short description, such as `yarn, factor 4.0 from 4096 positions`.
    public var description: String {
        switch self {
        case .default: "default"
        case .linear(let factor): "linear, factor \(factor)"
        case .yarn(let yarn): "yarn, factor \(yarn.factor) from \(yarn.originalContextLength) positions"
        case .llama3(let llama3): "llama3, factor \(llama3.factor) from \(llama3.originalContextLength) positions"
        }
    }
}

extension RopeConfiguration {
    private static let factors = 1.0...1e6

    /// Checks that all parameters are in range. `section` is the name of the object that has them in the file.
    ///
    /// - Throws: ``OuroError`` with code `invalidConfiguration` and the name of the first parameter that is out of
    ///   range.
    func validate(file: String?, section: String = "rope_scaling") throws(OuroError) {
        let checks = RangeChecks(file: file)
        func field(_ name: String) -> String { "\(section).\(name)" }
        try checks.check("rope_theta", theta, above: 1, upTo: 1e12)
        switch scaling {
        case .default: break
        case .linear(let factor): try checks.check(field("factor"), factor, Self.factors)
        case .yarn(let yarn):
            try checks.check(field("factor"), yarn.factor, Self.factors)
            try checks.check(
                field("original_max_position_embeddings"), yarn.originalContextLength, ConfigurationLimits.context)
            try checks.check(field("beta_fast"), yarn.betaFast, above: 0, upTo: 1e6)
            try checks.check(field("beta_slow"), yarn.betaSlow, above: 0, upTo: yarn.betaFast)
            try checks.check(field("attention_factor"), yarn.attentionFactor, 1e-3...1e3)
        case .llama3(let llama3):
            try checks.check(field("factor"), llama3.factor, Self.factors)
            try checks.check(
                field("original_max_position_embeddings"), llama3.originalContextLength, ConfigurationLimits.context)
            try checks.check(field("low_freq_factor"), llama3.lowFrequencyFactor, above: 0, upTo: 1e6)
            try checks.check(
                field("high_freq_factor"), llama3.highFrequencyFactor, above: llama3.lowFrequencyFactor, upTo: 1e6)
        }
    }
}
