import Foundation

/// What is minimised. All are means over the positions that have a target.
public enum Objective: Sendable, Equatable {
    /// Stage I of the paper (section 3.3): `sum_t p_t CE_t - beta H(p)`, with gradients through the exit distribution p.
    case expectedLoss(beta: Float)
    /// Stage II of the paper (section 3.4): the gate alone, the language model being frozen.
    case gate(GateTarget)
    /// Cross-entropy of the last loop.
    case lastLoop
    /// Mean over loops of the cross-entropy.
    case meanOfLoops

    /// Whether only the gate learns.
    public var freezesModel: Bool { if case .gate = self { true } else { false } }
}

/// What the gate learns in stage II: to go on with probability `sigmoid(k (I - gamma))`, by binary cross-entropy, where I
/// is a gain in cross-entropy that the gate's own gradient does not reach.
public enum GateTarget: String, Sendable, CaseIterable {
    /// The paper read literally: at loop t = 2...T the gain that arrived there, `max(0, CE_(t-1) - CE_t)`. The first
    /// loop's gate has no target.
    case arrived
    /// At loop t = 1...T-1 the gain still to come: `max(0, CE_t - min_(j > t) CE_j)`.
    case toCome = "to-come"

    /// The paper's k and gamma.
    static let slope = 50.0
    static let threshold = 0.005
}

/// The objective of one position, from its gate logits and cross-entropies; all gradients by hand.
///
/// With `l_t = sigmoid(g_t)`: `p_t = l_t prod_(j<t) (1 - l_j)` for t < T, and p_T is the rest. So
/// `d log p_t / d g_t = 1 - l_t`, `d log p_t / d g_j = -l_j` for j < t, and g_T has no influence.
struct ExitMath {
    let loops: Int
    /// Gate logits, to be set first.
    var gate: [Double]
    /// Cross-entropies, to be set before ``gateGradient(_:)``.
    var crossEntropy: [Double]
    private(set) var probability: [Double]
    private(set) var logProbability: [Double]
    /// Of the objective with respect to the gate logits.
    private(set) var gateGradient: [Double]

    init(loops: Int) {
        self.loops = loops
        gate = Array(repeating: 0, count: loops)
        crossEntropy = gate
        probability = gate
        logProbability = gate
        gateGradient = gate
    }

    /// log(sigmoid(x)) without overflow.
    private static func logSigmoid(_ x: Double) -> Double { min(x, 0) - log1p(exp(-abs(x))) }
    private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    /// The exit distribution.
    mutating func distribute() {
        var survival = 0.0
        for loop in 0..<loops {
            logProbability[loop] = loop < loops - 1 ? survival + Self.logSigmoid(gate[loop]) : survival
            survival += Self.logSigmoid(-gate[loop])
            probability[loop] = exp(logProbability[loop])
        }
    }

    var entropy: Double {
        var sum = 0.0
        for loop in 0..<loops { sum -= probability[loop] * logProbability[loop] }
        return sum
    }

    /// By how much the objective changes with the cross-entropy of a loop.
    func weight(_ loop: Int, _ objective: Objective) -> Double {
        switch objective {
        case .expectedLoss: probability[loop]
        case .gate: 0
        case .lastLoop: loop == loops - 1 ? 1 : 0
        case .meanOfLoops: 1 / Double(loops)
        }
    }

    /// The objective's value; leaves its gradient in ``gateGradient``.
    mutating func evaluate(_ objective: Objective) -> Double {
        for loop in 0..<loops { gateGradient[loop] = 0 }
        switch objective {
        case .lastLoop: return crossEntropy[loops - 1]
        case .meanOfLoops: return crossEntropy.reduce(0, +) / Double(loops)
        case .expectedLoss(let beta):
            let beta = Double(beta)
            var (loss, later) = (0.0, 0.0)
            for loop in stride(from: loops - 1, through: 0, by: -1) {
                let p = probability[loop]
                // dL/dp_t is CE_t + beta (log p_t + 1).
                let pull = p * (crossEntropy[loop] + beta * (logProbability[loop] + 1))
                if loop < loops - 1 {
                    let exit = Self.sigmoid(gate[loop])
                    gateGradient[loop] = (1 - exit) * pull - exit * later
                }
                later += pull
                loss += p * (crossEntropy[loop] + beta * logProbability[loop])
            }
            return loss
        case .gate(let target): return evaluateGate(target)
        }
    }

    private mutating func evaluateGate(_ target: GateTarget) -> Double {
        var loss = 0.0
        var best = Double.infinity
        for loop in stride(from: loops - 1, through: 0, by: -1) {
            let gain: Double
            switch target {
            case .arrived:
                guard loop > 0 else { continue }
                gain = max(0, crossEntropy[loop - 1] - crossEntropy[loop])
            case .toCome:
                defer { best = min(best, crossEntropy[loop]) }
                guard loop < loops - 1 else { continue }
                gain = max(0, crossEntropy[loop] - best)
            }
            let goOn = Self.sigmoid(GateTarget.slope * (gain - GateTarget.threshold))
            loss -= goOn * Self.logSigmoid(-gate[loop]) + (1 - goOn) * Self.logSigmoid(gate[loop])
            gateGradient[loop] = (Self.sigmoid(gate[loop]) - (1 - goOn)) / Double(loops)
        }
        return loss / Double(loops)
    }
}

/// Sums over positions with a target; means are given for the whole step.
public struct StepMetrics: Sendable, Equatable {
    /// Positions with a target.
    public var count = 0
    /// Sum of the objective.
    public var objectiveSum = 0.0
    /// Per loop, sums of cross-entropy and of exit probability.
    public var crossEntropySums: [Double]
    public var exitSums: [Double]
    public var entropySum = 0.0

    public init(loops: Int) {
        crossEntropySums = Array(repeating: 0, count: loops)
        exitSums = crossEntropySums
    }

    /// Forgets everything, for a number of loops; keeps its memory.
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
    public var objective: Double { mean(objectiveSum) }
    /// Mean cross-entropy after every loop, in nats.
    public var crossEntropy: [Double] { crossEntropySums.map(mean) }
    /// Mean exit distribution.
    public var exitDistribution: [Double] { exitSums.map(mean) }
    /// Mean entropy of the exit distribution, in nats.
    public var entropy: Double { mean(entropySum) }
    /// Mean loop at which a position leaves, counted from 1.
    public var meanExitLoop: Double {
        exitSums.enumerated().reduce(0) { $0 + Double($1.offset + 1) * mean($1.element) }
    }
}
