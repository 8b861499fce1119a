import Ouro

/// Where in the model an answer is read off.
enum DepthReading: Sendable, Hashable {
    /// After this loop (1-based), as if there were no more.
    case loops(Int)
    /// Where the cumulated exit probability reaches `threshold`, at the latest after the last of `loops`.
    case threshold(Float, loops: Int)

    /// How many loops there are.
    var loops: Int {
        switch self {
        case .loops(let loops), .threshold(_, let loops): loops
        }
    }

    /// 1, which is never reached, when every token takes all loops.
    var threshold: Float {
        switch self {
        case .loops: 1
        case .threshold(let threshold, _): threshold
        }
    }

    /// What a request asks for to leave where this reads.
    var exitPolicy: ExitPolicy {
        switch self {
        case .loops: .allLoops
        case .threshold(let threshold, _): .threshold(threshold)
        }
    }

    /// The loop (1-based) after which a token with these gates leaves.
    ///
    /// Loops after the reading's last one may have run; they change nothing in the earlier ones, since every loop reads
    /// only its own keys and values. The sums are in f32 and in the engine's order, so that both always agree.
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

/// The depths of an evaluation: some loop counts and some thresholds.
public struct DepthPlan: Sendable {
    /// All loops that run: the largest number asked for. One run gives every reading.
    let maximumLoops: Int
    /// Where answers are read off.
    let readings: [DepthReading]

    /// - Parameters:
    ///   - loops: loop counts; by default 1 to the model's own.
    ///   - thresholds: exit thresholds, at the largest loop count.
    /// - Throws: ``OuroError`` with code `invalidRequest` for values out of range.
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
