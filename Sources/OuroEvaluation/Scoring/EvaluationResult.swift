/// The result of an evaluation for one reading.
public struct EvaluationResult: Sendable, Equatable {
    /// The task's name.
    public let task: String
    /// The level of the task; nil if it has no levels.
    public let level: Int?
    /// The largest loop that the reading uses.
    public let loops: Int
    /// The exit threshold; 1 if every token took all `loops` loops.
    public let threshold: Float
    /// Fraction of correct answers. For a text, the fraction of correctly predicted tokens.
    public let accuracy: Double
    /// Mean exit loop of the answers' tokens.
    public let meanLoops: Double
    /// Number of questions, or of predicted tokens of a text.
    public let count: Int
    /// For a text: exp of the mean negative log-probability per token.
    public var perplexity: Double?
    /// For multiple choice: the accuracy if log-probabilities are divided by the choices' lengths.
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

/// Sums over questions for one reading.
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
