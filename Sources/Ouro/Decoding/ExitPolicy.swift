import Foundation

/// At which loop a token leaves the model. Loops are counted from 1; the reference's `exit_at_step` is one less.
public enum ExitPolicy: Sendable, Equatable {
    /// After the last loop.
    case allLoops
    /// After a given loop (or the last one, if there are fewer).
    case fixed(loop: Int)
    /// After the first loop at which the cumulated exit probability reaches the threshold ("Q-exit", paper section 3.1);
    /// at 1 and above after the last loop.
    case threshold(Float)
    /// After the first loop, from the second on, that changes the hidden state by less than this, relative to its norm.
    case hiddenChange(below: Float)
    /// After the last loop, with the logits of all loops averaged by their exit probabilities.
    case weighted
}

extension ExitPolicy {
    /// - Throws: ``OuroError`` with code `invalidRequest` for values that make no sense.
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

/// The exit distribution of one row, loop by loop, in f32 as the reference computes it.
///
/// `lambda_t = sigmoid(gate_t)`; `p_t = lambda_t * prod_(j<t) (1 - lambda_j)`, and at the last loop the rest.
struct ExitTracker: Sendable {
    let loops: Int
    let policy: ExitPolicy
    /// Gate probabilities of the loops that have run.
    private(set) var lambdas: [Float] = []
    /// Exit probabilities of the loops that have run.
    private(set) var distribution: [Float] = []
    /// The loop the row leaves at (1-based), once that is known.
    private(set) var exitLoop: Int?
    private var survival: Float = 1
    private var cumulated: Float = 0
    // The distribution as it was when the row left.
    private var distributionAtExit: [Float]?

    init(loops: Int, policy: ExitPolicy) {
        self.loops = loops
        self.policy = policy
    }

    /// Takes in the next loop's outcome.
    mutating func advance(_ outcome: RowOutcome) {
        let loop = lambdas.count + 1
        let lambda = 1 / (1 + expf(-outcome.gateLogit))
        lambdas.append(lambda)
        let probability = loop < loops ? lambda * survival : survival
        survival *= 1 - lambda
        distribution.append(probability)
        cumulated += probability
        guard exitLoop == nil else { return }
        let leaves =
            switch policy {
            case .allLoops, .weighted: false
            case .fixed(let chosen): loop >= chosen
            case .threshold(let threshold): threshold < 1 && cumulated >= threshold
            case .hiddenChange(let limit): loop > 1 && outcome.change < limit
            }
        if leaves || loop == loops {
            exitLoop = loop
            distributionAtExit = distribution
        }
    }

    /// Whether the loop that has just run is one whose logits are needed.
    var needsLogits: Bool { exitLoop == lambdas.count || policy == .weighted }

    /// Gate probabilities of the loops up to the one the row left at.
    var gateAtExit: [Float] { Array(lambdas.prefix(exitLoop ?? lambdas.count)) }

    /// Probability of not having left yet.
    var remaining: Float { survival }

    /// Exit probabilities of all loops; zero for those that had not run when the row left.
    var exitDistribution: [Float] {
        let known = distributionAtExit ?? distribution
        return known + Array(repeating: 0, count: max(0, loops - known.count))
    }
}
