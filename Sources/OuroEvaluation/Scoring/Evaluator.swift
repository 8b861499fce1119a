import Ouro

/// Evaluates a model at many depths. One run of the model gives the results of every loop count and every exit
/// threshold.
///
/// Texts are scored, not generated. A greedy answer equals the expected answer exactly if each expected token is the
/// most likely one after the tokens before it. The engine's scores contain the most likely token of every loop, so they
/// decide this for all depths. Many texts run at once and share passes.
///
/// With a KV policy other than `full`, the keys and values that a token reads depend on the exits of earlier tokens.
/// Then each reading needs its own run. The prompt runs with full keys and values, and the answer runs token by token,
/// as in generation.
public struct Evaluator: Sendable {
    /// The engine that runs the model.
    public let engine: Engine
    /// The depths to evaluate.
    public let plan: DepthPlan
    /// Called after every text, with the number of finished texts.
    public var progress: (@Sendable (Int) -> Void)?
    /// Texts submitted at once. Those that do not fit into the cache wait.
    private static let concurrency = 64

    /// Makes an evaluator.
    ///
    /// - Parameters:
    ///   - engine: the engine that runs the model.
    ///   - plan: the depths to evaluate.
    public init(engine: Engine, plan: DepthPlan) {
        self.engine = engine
        self.plan = plan
    }

    /// The engine's tokenizer.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` if the model folder has none.
    func needTokenizer() throws(OuroError) -> Tokenizer {
        guard let tokenizer = engine.tokenizer else {
            throw OuroError(
                .invalidRequest, file: "tokenizer.json", "the model folder has no tokenizer, but evaluation needs one")
        }
        return tokenizer
    }

    /// Scores many texts concurrently, and returns the result of `reduce` for each, in order.
    ///
    /// - Parameters:
    ///   - count: the number of texts.
    ///   - text: makes the text with a given index, and tells how many of its tokens are the prompt.
    ///   - reduce: reduces a text's scores, one array for each reading of the plan.
    func scoreAll<Value: Sendable>(
        _ count: Int, text: @escaping @Sendable (Int) throws -> (tokens: [Int], prompt: Int),
        reduce: @escaping @Sendable (Int, [[ScoredPosition]]) throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            var results = [Value?](repeating: nil, count: count)
            var (started, done) = (0, 0)
            func start() {
                let index = started
                started += 1
                group.addTask { [self] in
                    let (tokens, prompt) = try text(index)
                    return (index, try reduce(index, try await score(tokens, prompt: prompt)))
                }
            }
            while started < min(count, Self.concurrency) { start() }
            while let (index, value) = try await group.next() {
                results[index] = value
                done += 1
                progress?(done)
                if started < count { start() }
            }
            return results.compactMap { $0 }
        }
    }

    /// The scores of a text, one array for each reading of the plan.
    private func score(_ tokens: [Int], prompt: Int) async throws -> [[ScoredPosition]] {
        let policy = engine.options.kvPolicy
        guard policy != .full else {
            let positions = try await engine.score(
                ScoringRequest(.tokens(tokens), loops: plan.maximumLoops, exit: .allLoops))
            return plan.readings.map { _ in positions }
        }
        var scores: [[ScoredPosition]] = []
        for reading in plan.readings {
            scores.append(
                try await engine.score(
                    ScoringRequest(
                        .tokens(tokens), loops: reading.loops, exit: reading.exitPolicy, kvPolicy: policy,
                        promptTokens: prompt)))
        }
        return scores
    }
}
