import Ouro

/// Measures a model by depth: every loop count and every exit threshold from one run of the model.
///
/// Texts are scored, never generated: a greedy answer equals the expected one exactly if every token of the expected one is
/// the most likely after those before it. So the engine's scores, which have every loop's choice, decide for all depths.
/// Many texts are in flight at once and share the engine's passes.
///
/// If the engine does not keep full keys and values (``KVPolicy``), what a token sees depends on where the tokens before it
/// left. Then every depth is a run of its own: prompts in full, answers token by token as they would be generated.
public struct Evaluator: Sendable {
    /// Runs the model.
    public let engine: Engine
    /// The depths to measure at.
    public let plan: DepthPlan
    /// Called with the number of texts that are done.
    public var progress: (@Sendable (Int) -> Void)?
    /// Texts that are in flight at once; what the cache has no room for waits its turn.
    private static let concurrency = 64

    /// Measures the engine's model at the depths of a plan.
    public init(engine: Engine, plan: DepthPlan) {
        self.engine = engine
        self.plan = plan
    }

    /// The tokenizer.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` if the model folder has none.
    func needTokenizer() throws(OuroError) -> Tokenizer {
        guard let tokenizer = engine.tokenizer else {
            throw OuroError(
                .invalidRequest, file: "tokenizer.json", "the model folder has none, and evaluation needs text")
        }
        return tokenizer
    }

    /// Scores texts together and gives what `reduce` makes of each, in their order.
    ///
    /// - Parameters:
    ///   - count: how many texts there are.
    ///   - text: the text with a number, made when its turn comes, and how many of its tokens are the prompt.
    ///   - reduce: gets the scores for each of the plan's readings.
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

    /// The scores of a text for each of the plan's readings.
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
