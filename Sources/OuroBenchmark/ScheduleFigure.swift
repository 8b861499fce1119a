import Ouro

/// What one schedule made of the passes it had, beside the schedule it is compared with.
public struct ScheduleFigure: Sendable, Equatable {
    /// `schedules`, `concurrency` or `simulation`.
    public var name: String
    /// The named shape, or the model folder's name.
    public var shape: String
    /// How weights are stored: `f32`, `bf16`, `q8`, `q4`, or what the folder has.
    public var weights: String?
    public var threads: Int
    /// `plain`, `exit`, `wavefront`, `exit+wavefront` or `wavefront+lookup`.
    public var schedule: String
    /// Requests that ran together.
    public var streams: Int
    /// Tokens that every request made, the shortest trial's.
    public var tokens: Int
    /// The loop that tokens left at, on average.
    public var meanLoops: Double
    /// Passes of the layer stack per token, all requests together.
    public var passesPerToken: Double
    /// Tokens per second, all requests together, after the first token of each; the median of all trials.
    public var tokensPerSecond: Double
    /// How many times fewer passes per token than the schedule it is compared with: plain decoding, or one stream.
    public var passRatio: Double
    /// How many times the tokens per second of that schedule, trial by trial in turn; the median.
    public var speedRatio: Double
    /// In a simulation the share of predictions that had settled after each loop, which came from a table instead of the
    /// model, as exits did. The passes were real.
    public var settled: [Double]?

    public var isSimulation: Bool { settled != nil }
}

/// How soon a model's loops agree with its last.
public struct AgreementFigure: Sendable, Equatable {
    /// The named shape, or the model folder's name.
    public var shape: String
    public var weights: String?
    public var threads: Int
    /// Whether the positions are of a text that was given, or of what the model wrote.
    public var isGenerated: Bool
    /// Positions that were looked at.
    public var positions: Int
    /// The share of positions whose most likely next token after each loop is the last loop's.
    public var agreement: [Double]
    /// The share of positions for which this holds after each loop and all later ones.
    public var settled: [Double]
    /// The loop from which on the prediction stays, on average: passes per token of the wavefront.
    public var meanSettlingLoop: Double
    /// The exit threshold, and the share of positions that leave at each loop under it.
    public var exitThreshold: Float
    public var exits: [Double]
    public var meanExitLoop: Double
}

/// One result of ``Benchmark/run(_:schedules:report:)``.
public enum ScheduleReport: Sendable, Equatable {
    case schedule(ScheduleFigure)
    case agreement(AgreementFigure)
}
