import Foundation

/// Computes the objective of one position and its gradients from the gate logits and cross-entropies of all loops.
///
/// With `l_t = sigmoid(g_t)`, the exit probability is `p_t = l_t prod_(j<t) (1 - l_j)` for t < T, and p_T is the
/// remainder. So `d log p_t / d g_t = 1 - l_t`, and `d log p_t / d g_j = -l_j` for j < t. The last gate logit g_T has
/// no effect.
struct ExitMath {
    let loops: Int
    /// Gate logits of all loops. Set them first.
    var gate: [Double]
    /// Cross-entropies of all loops. Set them before `evaluate(_:)`.
    var crossEntropy: [Double]
    private(set) var probability: [Double]
    private(set) var logProbability: [Double]
    /// Gradient of the objective with respect to the gate logits.
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

    /// Computes the exit distribution from the gate logits.
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

    /// The derivative of the objective with respect to the cross-entropy of a loop.
    func weight(_ loop: Int, _ objective: Objective) -> Double {
        switch objective {
        case .expectedLoss: probability[loop]
        case .gate: 0
        case .lastLoop: loop == loops - 1 ? 1 : 0
        case .meanOfLoops: 1 / Double(loops)
        }
    }

    /// Returns the value of the objective, and stores its gradient in `gateGradient`.
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
                // dL/dp_t = CE_t + beta (log p_t + 1)
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
