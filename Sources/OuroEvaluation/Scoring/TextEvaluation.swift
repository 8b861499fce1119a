import Foundation
import Ouro

extension Evaluator {
    /// Perplexity and next-token accuracy of a text, by depth.
    ///
    /// A text longer than `window` tokens is cut into windows that share one token, so that every token but the very first
    /// is predicted once, from at most `window - 1` tokens before it.
    ///
    /// - Parameters:
    ///   - window: tokens; by default as many as the model's context has, 1024 at most.
    /// - Returns: one result per reading of the plan, in its order.
    /// - Throws: ``OuroError`` with code `invalidRequest` for a window or a text too short, or `CancellationError`.
    public func evaluate(text: String, window: Int? = nil) async throws -> [EvaluationResult] {
        guard engine.options.kvPolicy == .full else {
            throw OuroError(
                .invalidRequest, field: "kv_policy",
                "a text has no prompt after which '\(engine.options.kvPolicy.rawValue)' could apply; keep full keys and values, "
                    + "or see what the policy costs with ouro score --kv-policy --against-kv")
        }
        let tokens = try needTokenizer().encode(text, parsingSpecialTokens: false)
        let context = engine.configuration.contextLength
        let window = window ?? min(1024, context)
        guard window >= 2, window <= context else {
            throw OuroError(
                .invalidRequest, field: "window",
                "expected 2 to \(context) tokens, the model's context, found \(window)")
        }
        guard tokens.count >= 2 else {
            throw OuroError(
                .invalidRequest, field: "text", "expected at least two tokens, found \(tokens.count)")
        }
        let starts = Array(stride(from: 0, to: tokens.count - 1, by: window - 1))
        let readings = plan.readings
        let windows = try await scoreAll(
            starts.count,
            text: { index in (Array(tokens[starts[index]..<min(starts[index] + window, tokens.count)]), 0) },
            reduce: { _, scores in zip(readings, scores).map { Self.sums($1, reading: $0) } })
        return readings.indices.map { index in
            let tally = windows.reduce(DepthTally()) { $0 + $1[index].tally }
            let logProbability = windows.reduce(0.0) { $0 + $1[index].logProbability }
            return EvaluationResult(
                task: "perplexity", level: nil, reading: readings[index], accuracy: tally.accuracy,
                meanLoops: tally.meanLoops, count: tally.questions,
                perplexity: exp(-logProbability / Double(tally.questions)))
        }
    }

    private static func sums(
        _ positions: [ScoredPosition], reading: DepthReading
    ) -> (tally: DepthTally, logProbability: Double) {
        var (tally, sum) = (DepthTally(), 0.0)
        for (position, next) in zip(positions, positions.dropFirst()) {
            guard let logProbabilities = next.logProbabilities else { continue }
            let exit = reading.exitLoop(of: position)
            sum += Double(logProbabilities[exit - 1])
            tally.questions += 1
            tally.correct += position.argmax[exit - 1] == next.token ? 1 : 0
            tally.tokens += 1
            tally.loops += exit
        }
        return (tally, sum)
    }
}
