import Ouro

/// The measurement of one schedule, compared with a baseline schedule.
package struct ScheduleFigure: Sendable, Equatable {
    /// The kind of measurement: `schedules`, `concurrency` or `simulation`.
    package var name: String
    /// Name of the shape or of the model folder.
    package var shape: String
    /// Element type of the weights: `f32`, `bf16`, `q8`, `q4`, or that of the folder.
    package var weights: String?
    package var threads: Int
    /// The schedule: `plain`, `exit`, `wavefront`, `exit+wavefront` or `wavefront+lookup`.
    package var schedule: String
    /// Number of concurrent requests.
    package var streams: Int
    /// Tokens per request: the smallest number in the longest trial.
    package var tokens: Int
    /// Mean exit loop of the tokens.
    package var meanLoops: Double
    /// Passes per token, over all requests.
    package var passesPerToken: Double
    /// Tokens per second of all requests together, after the first token of each. The median of all trials.
    package var tokensPerSecond: Double
    /// Passes per token of the baseline divided by those of this schedule. The baseline is plain decoding, or one
    /// stream.
    package var passRatio: Double
    /// Tokens per second relative to the baseline: the median of the ratios of alternating trials.
    package var speedRatio: Double
    /// In a simulation, the share of positions whose prediction has settled after each loop; otherwise nil. The
    /// simulated predictions and exits come from a table. The passes are real.
    package var settled: [Double]?

    /// Whether this is a simulation.
    package var isSimulation: Bool { settled != nil }
}

/// How early the predictions of a model's loops agree with that of its last loop.
package struct AgreementFigure: Sendable, Equatable {
    /// Name of the shape or of the model folder.
    package var shape: String
    package var weights: String?
    package var threads: Int
    /// Whether the positions are from the model's own output, not from a given text.
    package var isGenerated: Bool
    /// Number of positions.
    package var positions: Int
    /// For each loop, the share of positions whose most likely next token is that of the last loop.
    package var agreement: [Double]
    /// For each loop, the share of positions for which this is true from that loop on.
    package var settled: [Double]
    /// The mean loop from which on the prediction does not change. It equals the wavefront's passes per token.
    package var meanSettlingLoop: Double
    /// The exit threshold.
    package var exitThreshold: Float
    /// For each loop, the share of positions that exit there under the threshold.
    package var exits: [Double]
    /// Mean exit loop under the threshold.
    package var meanExitLoop: Double
}

/// One result of a schedule benchmark.
package enum ScheduleReport: Sendable, Equatable {
    case schedule(ScheduleFigure)
    case agreement(AgreementFigure)
}
