import Ouro

/// The depth at which a token's prediction is read.
enum DepthReading: Sendable, Hashable {
    /// After this loop (1-based).
    case loops(Int)
    /// After the first loop at which the cumulative exit probability reaches `threshold`, at the latest after the last
    /// of `loops` loops.
    case threshold(Float, loops: Int)

    /// The last loop that this reading can use.
    var loops: Int {
        switch self {
        case .loops(let loops), .threshold(_, let loops): loops
        }
    }

    /// The exit threshold. It is 1, which no loop reaches, if every token takes all loops.
    var threshold: Float {
        switch self {
        case .loops: 1
        case .threshold(let threshold, _): threshold
        }
    }

    /// The exit policy of a request that exits where this reading reads.
    var exitPolicy: ExitPolicy {
        switch self {
        case .loops: .allLoops
        case .threshold(let threshold, _): .threshold(threshold)
        }
    }

    /// The loop (1-based) at which a token is read.
    ///
    /// More loops may have run than the reading uses. They do not change the earlier loops, because a loop reads only
    /// its own keys and values. The sums are in f32 and in the engine's order, so the result always equals the engine's
    /// exit loop.
    ///
    /// - Parameters:
    ///   - position: the scored position that predicts the token.
    func exitLoop(of position: ScoredPosition) -> Int {
        let last = min(loops, position.gate.count)
        guard case .threshold(let threshold, _) = self, threshold < 1 else { return last }
        var (survival, cumulated): (Float, Float) = (1, 0)
        for loop in 1..<max(last, 1) {
            let lambda = position.gate[loop - 1]
            cumulated += lambda * survival
            survival *= 1 - lambda
            if cumulated >= threshold { return loop }
        }
        return last
    }
}

/// The readings of an evaluation: loop counts and exit thresholds.
public struct DepthPlan: Sendable {
    /// The loops that run: the largest loop count asked for. One run gives all readings.
    let maximumLoops: Int
    /// The readings: first the loop counts, then the thresholds.
    let readings: [DepthReading]

    /// Makes a plan.
    ///
    /// - Parameters:
    ///   - loops: loop counts; nil for 1 to the model's own number.
    ///   - thresholds: exit thresholds from 0 to 1. They use the largest loop count.
    ///   - configuration: the model's configuration.
    /// - Throws: `OuroError` with code `invalidRequest` for values out of range.
    public init(loops: [Int]?, thresholds: [Float], configuration: ModelConfiguration) throws(OuroError) {
        let loops = loops ?? Array(1...max(configuration.loops, 1))
        guard let most = loops.max() else {
            throw OuroError(.invalidRequest, field: "loops", "expected at least one loop count")
        }
        for count in loops { try RequestLimits.check("loops", count, RequestLimits.loops) }
        if let bad = thresholds.first(where: { !($0 >= 0 && $0 <= 1) }) {
            throw OuroError(.invalidRequest, field: "thresholds", "expected numbers from 0 to 1, found \(bad)")
        }
        maximumLoops = most
        readings = loops.map { .loops($0) } + thresholds.map { .threshold($0, loops: most) }
    }
}
