/// How positions are turned into angles: rotary position embedding, possibly stretched for longer contexts.
///
/// Position `p` turns pair `i` of a head by `p` times the `i`-th inverse frequency.
public struct RopeConfiguration: Sendable, Equatable {
    /// The base of the geometric row of frequencies (`rope_theta`).
    public var theta: Double
    /// How the frequencies are changed (`rope_type` and what belongs to it).
    public var scaling: RopeScaling

    public init(theta: Double, scaling: RopeScaling = .default) {
        self.theta = theta
        self.scaling = scaling
    }
}

/// How RoPE's frequencies are changed for contexts longer than those of the first training.
///
/// Reference: `ROPE_INIT_FUNCTIONS` of Transformers 4.57. Its types `dynamic` and `longrope` are left out, because their
/// frequencies change with the length of the sequence.
public enum RopeScaling: Sendable, Equatable {
    /// Not at all.
    case `default`
    /// All divided by `factor`.
    case linear(factor: Double)
    case yarn(YarnScaling)
    case llama3(Llama3Scaling)
}

/// YaRN: fast frequencies stay, slow ones are divided by `factor`, with a ramp between them.
public struct YarnScaling: Sendable, Equatable {
    public var factor: Double
    /// Positions of the first training (`original_max_position_embeddings`).
    public var originalContextLength: Int
    /// Turns within the original context from which on a frequency stays (`beta_fast`).
    public var betaFast: Double
    /// Turns within the original context up to which a frequency is divided (`beta_slow`).
    public var betaSlow: Double
    /// What cosines and sines are multiplied by (`attention_factor`, or what `mscale` and `mscale_all_dim` make it).
    public var attentionFactor: Double
    /// Whether the ramp starts and ends at whole frequencies (`truncate`).
    public var truncatesRamp: Bool

    /// - Parameters:
    ///   - attentionFactor: by default `0.1 ln(factor) + 1`.
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

/// Llama 3's scaling: waves that are long against the original context are divided by `factor`, short ones stay.
public struct Llama3Scaling: Sendable, Equatable {
    public var factor: Double
    /// Turns within the original context up to which a frequency is divided (`low_freq_factor`).
    public var lowFrequencyFactor: Double
    /// Turns within the original context from which on it stays (`high_freq_factor`).
    public var highFrequencyFactor: Double
    /// Positions of the first training (`original_max_position_embeddings`).
    public var originalContextLength: Int

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
    /// A few words for people, as in `yarn, factor 4.0 from 4096 positions`.
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

    /// - Parameters:
    ///   - section: the object that the file has the parameters in.
    /// - Throws: ``OuroError`` with code `invalidConfiguration` naming the first parameter that is out of range.
    func validate(file: String, section: String = "rope_scaling") throws(OuroError) {
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
