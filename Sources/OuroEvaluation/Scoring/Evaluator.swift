import Ouro

/// Measures a model by depth: every loop count and every exit threshold from one run of the model.
///
/// Texts are scored, never generated: a greedy answer equals the expected one exactly if every token of the expected one is
/// the most likely after those before it. So the engine's scores, which have every loop's choice, decide for all depths.
/// Many texts are in flight at once and share the engine's passes.
public struct Evaluator: Sendable {
    public let engine: Engine
    public let plan: DepthPlan
    /// Called with the number of texts that are done.
    public var progress: (@Sendable (Int) -> Void)?
    /// Texts that are in flight at once; what the cache has no room for waits its turn.
    private static let concurrency = 64

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
    ///   - tokens: the text with a number, made when its turn comes.
    func scoreAll<Value: Sendable>(
        _ count: Int, tokens: @escaping @Sendable (Int) throws -> [Int],
        reduce: @escaping @Sendable (Int, [ScoredPosition]) throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            var results = [Value?](repeating: nil, count: count)
            var (started, done) = (0, 0)
            func start() {
                let index = started
                started += 1
                group.addTask { [engine, loops = plan.maximumLoops] in
                    let positions = try await engine.score(
                        .tokens(tokens(index)), loops: loops, exit: .allLoops)
                    return (index, try reduce(index, positions))
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
}
