import Foundation
import Ouro

extension Evaluator {
    /// Measures perplexity and next-token accuracy on a text, for each reading of the plan.
    ///
    /// A text longer than `window` tokens is split into windows. Neighbouring windows share one token. So every token
    /// except the first is predicted once, from at most `window - 1` tokens before it.
    ///
    /// - Parameters:
    ///   - text: the text, at least two tokens.
    ///   - window: tokens of a window. By default the model's context length, but at most 1024.
    /// - Returns: one result for each reading of the plan, in the same order.
    /// - Throws: `OuroError` with code `invalidRequest` if the window is out of range, the text is too short, or the
    ///   engine's KV policy is not `full`. `CancellationError` if the task is cancelled.
    public func evaluate(text: String, window: Int? = nil) async throws -> [EvaluationResult] {
        guard engine.options.kvPolicy == .full else {
            throw OuroError(
                .invalidRequest, field: "kv_policy",
                "'\(engine.options.kvPolicy.rawValue)' applies only after a prompt, and a text has none; use the policy "
                    + "'full', or measure a policy with ouro score --kv-policy --against-kv")
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
