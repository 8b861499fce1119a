/// What an evaluation found at one depth.
public struct EvaluationResult: Sendable, Equatable {
    /// The task's name.
    public let task: String
    /// Nil for tasks without levels.
    public let level: Int?
    /// Loops that a token took at most.
    public let loops: Int
    /// Exit threshold; 1 where every token took all `loops`.
    public let threshold: Float
    /// Share of the questions (for texts: of the tokens) that the model got right.
    public let accuracy: Double
    /// Loops per token of the answers.
    public let meanLoops: Double
    /// Questions, or tokens of a text.
    public let count: Int
    /// For texts: exp of the mean negative log-probability of a token.
    public var perplexity: Double?
    /// For multiple choice: share that is right when log-probabilities are divided by the choices' lengths.
    public var normalisedAccuracy: Double?

    init(
        task: String, level: Int?, reading: DepthReading, accuracy: Double, meanLoops: Double, count: Int,
        perplexity: Double? = nil, normalisedAccuracy: Double? = nil
    ) {
        self.task = task
        self.level = level
        loops = reading.loops
        threshold = reading.threshold
        self.accuracy = accuracy
        self.meanLoops = meanLoops
        self.count = count
        self.perplexity = perplexity
        self.normalisedAccuracy = normalisedAccuracy
    }
}

/// Sums over questions at one depth.
struct DepthTally: Sendable {
    var questions = 0
    var correct = 0
    var correctNormalised = 0
    var tokens = 0
    var loops = 0

    static func + (a: Self, b: Self) -> Self {
        DepthTally(
            questions: a.questions + b.questions, correct: a.correct + b.correct,
            correctNormalised: a.correctNormalised + b.correctNormalised, tokens: a.tokens + b.tokens,
            loops: a.loops + b.loops)
    }

    var accuracy: Double { questions == 0 ? 0 : Double(correct) / Double(questions) }
    var normalisedAccuracy: Double { questions == 0 ? 0 : Double(correctNormalised) / Double(questions) }
    var meanLoops: Double { tokens == 0 ? 0 : Double(loops) / Double(tokens) }
}
