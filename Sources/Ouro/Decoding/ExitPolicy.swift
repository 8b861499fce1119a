import Foundation

/// The loop at which a token exits. Loops are counted from 1; the reference implementation's `exit_at_step` is one
/// less.
public enum ExitPolicy: Sendable, Equatable {
    /// After the last loop.
    case allLoops
    /// After a given loop, or after the last one if there are fewer.
    case fixed(loop: Int)
    /// After the first loop at which the cumulative exit probability reaches the threshold ("Q-exit", paper section
    /// 3.1). From 1 on, after the last loop.
    case threshold(Float)
    /// After the first loop, from the second on, whose relative change of the hidden state is below this limit.
    case hiddenChange(below: Float)
    /// After the last loop. The logits of all loops are averaged, weighted by their exit probabilities.
    case weighted
}

extension ExitPolicy {
    /// Checks the values.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` if a value is out of range.
    package func validate() throws(OuroError) {
        switch self {
        case .fixed(let loop): try RequestLimits.check("exit_at", loop, RequestLimits.loops)
        case .threshold(let value): try RequestLimits.check("exit_threshold", value, RequestLimits.exitThreshold)
        case .hiddenChange(let value) where !(value >= 0):
            throw OuroError(.invalidRequest, field: "exit_change", "expected a number from 0, found \(value)")
        default: break
        }
    }
}

/// The exit distribution of one row, loop by loop. The arithmetic is f32, as in the reference implementation.
///
/// With `lambda_t = sigmoid(gate_t)`, the exit probability is `p_t = lambda_t * prod_(j<t) (1 - lambda_j)`. The last
/// loop gets the rest.
struct ExitTracker: Sendable {
    let loops: Int
    let policy: ExitPolicy
    /// Gate probabilities of the loops that have run.
    private(set) var lambdas: [Float] = []
    /// Exit probabilities of the loops that have run.
    private(set) var distribution: [Float] = []
    /// The loop at which the row exits (1-based), once it is known.
    private(set) var exitLoop: Int?
    /// The probability that the row has not exited yet.
    private var survival: Float = 1
    /// The sum of `distribution`.
    private var cumulative: Float = 0
    // The distribution at the time of the exit.
    private var distributionAtExit: [Float]?

    init(loops: Int, policy: ExitPolicy) {
        self.loops = loops
        self.policy = policy
    }

    /// Takes the outcome of the next loop.
    mutating func advance(_ outcome: RowOutcome) {
        let loop = lambdas.count + 1
        let lambda = 1 / (1 + expf(-outcome.gateLogit))
        lambdas.append(lambda)
        let probability = loop < loops ? lambda * survival : survival
        survival *= 1 - lambda
        distribution.append(probability)
        cumulative += probability
        guard exitLoop == nil else { return }
        let leaves =
            switch policy {
            case .allLoops, .weighted: false
            case .fixed(let chosen): loop >= chosen
            case .threshold(let threshold): threshold < 1 && cumulative >= threshold
            case .hiddenChange(let limit): loop > 1 && outcome.change < limit
            }
        if leaves || loop == loops {
            exitLoop = loop
            distributionAtExit = distribution
        }
    }

    /// Whether the logits of the last loop are needed.
    var needsLogits: Bool { exitLoop == lambdas.count || policy == .weighted }

    /// Gate probabilities of the loops up to the exit.
    var gateAtExit: [Float] { Array(lambdas.prefix(exitLoop ?? lambdas.count)) }

    /// The probability that the row has not exited yet.
    var remaining: Float { survival }

    /// Exit probabilities of all loops; zero for loops after the exit.
    var exitDistribution: [Float] {
        let known = distributionAtExit ?? distribution
        return known + Array(repeating: 0, count: max(0, loops - known.count))
    }
}
