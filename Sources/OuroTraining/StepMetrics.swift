/// Losses and exits of a step, as means over the positions with a target.
public struct StepMetrics: Sendable, Equatable {
    /// Positions with a target.
    public internal(set) var count = 0
    /// Sum of the objective over positions.
    var objectiveSum = 0.0
    /// Sums of the cross-entropy after each loop, in nats: one for each loop.
    var crossEntropySums: [Double]
    /// Sums of the exit probability: one for each loop.
    var exitSums: [Double]
    /// Sum of the entropy of the exit distribution, in nats.
    var entropySum = 0.0

    /// Makes metrics of no positions.
    ///
    /// - Parameters:
    ///   - loops: the number of loops.
    init(loops: Int) {
        crossEntropySums = Array(repeating: 0, count: loops)
        exitSums = crossEntropySums
    }

    /// Sets all sums to zero for a number of loops. Memory is reused where the number is unchanged.
    mutating func reset(loops: Int) {
        count = 0
        objectiveSum = 0
        entropySum = 0
        if crossEntropySums.count == loops {
            for loop in 0..<loops {
                crossEntropySums[loop] = 0
                exitSums[loop] = 0
            }
        } else {
            self = StepMetrics(loops: loops)
        }
    }

    private func mean(_ sum: Double) -> Double { count == 0 ? 0 : sum / Double(count) }

    /// Mean of the objective over positions.
    var objective: Double { mean(objectiveSum) }
    /// Mean cross-entropy after each loop, in nats: one value for each loop.
    public var crossEntropy: [Double] { crossEntropySums.map(mean) }
    /// Mean exit distribution: one probability for each loop.
    public var exitDistribution: [Double] { exitSums.map(mean) }
    /// Mean entropy of the exit distribution, in nats.
    public var entropy: Double { mean(entropySum) }
    /// Mean exit loop, counted from 1.
    public var meanExitLoop: Double {
        exitSums.enumerated().reduce(0) { $0 + Double($1.offset + 1) * mean($1.element) }
    }
}
