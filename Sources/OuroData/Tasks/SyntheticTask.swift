import Ouro

/// A candidate for an example. Its key decides its split.
public struct TaskInstance: Sendable {
    /// The question.
    public let prompt: String
    /// The answer.
    public let completion: String
    /// Identifies the question, whatever its wording. Candidates with the same key belong to the same split. Nil marks
    /// a statement of facts, which belongs to the training split.
    public let key: String?
    /// Draws a further question about the same prompt; nil if the task has none.
    public let followUp: (@Sendable (inout DataRandom) -> TaskInstance)?

    /// Makes a candidate.
    ///
    /// - Parameters:
    ///   - prompt: the question.
    ///   - completion: the answer.
    ///   - key: identifies the question; nil for a statement of facts.
    ///   - followUp: draws a further question about the same prompt.
    public init(
        prompt: String, completion: String, key: String?,
        followUp: (@Sendable (inout DataRandom) -> TaskInstance)? = nil
    ) {
        self.prompt = prompt
        self.completion = completion
        self.key = key
        self.followUp = followUp
    }
}

/// A generator of questions with one right answer each, at several levels of difficulty.
///
/// An example is a pure function of its seed, index, level and split. The splits are disjoint for all seeds: a hash of
/// a candidate's key decides its split, and the generator draws until a candidate is in the requested split.
public protocol SyntheticTask: Sendable {
    /// The name, as recipes and the command line spell it.
    var name: String { get }
    /// A description in one line: the question and the meaning of the level.
    var summary: String { get }
    /// The levels, from easy to hard.
    var levels: ClosedRange<Int> { get }
    /// Whether training also learns the prompts. By default false.
    var learnsPrompt: Bool { get }
    /// Draws a candidate.
    ///
    /// - Parameters:
    ///   - level: one of `levels`.
    ///   - random: the random number generator.
    func draw(level: Int, random: inout DataRandom) -> TaskInstance
}

extension SyntheticTask {
    public var learnsPrompt: Bool { false }

    /// Generates an example.
    ///
    /// - Parameters:
    ///   - seed: the seed of the examples.
    ///   - index: the number of the example under this seed.
    ///   - level: the level of difficulty.
    ///   - split: the split to draw from.
    /// - Throws: `OuroError` with code `invalidRequest` if the task does not have the level.
    public func example(
        seed: UInt64, index: Int, level: Int, split: DataSplit
    ) throws(OuroError) -> SyntheticExample {
        guard levels.contains(level) else {
            throw OuroError(
                .invalidRequest, field: "level",
                "the task '\(name)' has levels \(levels.lowerBound) to \(levels.upperBound), found \(level)")
        }
        let base = StableHash.combine(
            StableHash.of(name), seed, UInt64(bitPattern: Int64(index)), UInt64(level), split == .train ? 0 : 1)
        var random = DataRandom(base)
        while true {
            let instance = draw(level: level, random: &random)
            guard Self.split(of: instance.key) == split else { continue }
            return SyntheticExample(
                prompt: instance.prompt, completion: instance.completion, level: level,
                followUps: split == .train ? Self.followUps(of: instance, random: &random) : [])
        }
    }

    /// Further questions about a candidate that belong to the training split.
    private static func followUps(
        of instance: TaskInstance, random: inout DataRandom
    ) -> [SyntheticExample.Question] {
        guard let draw = instance.followUp else { return [] }
        return (0..<7).map { _ in draw(&random) }.filter { split(of: $0.key) == .train }
            .map { .init(prompt: $0.prompt, completion: $0.completion) }
    }

    /// The split of a key.
    static func split(of key: String?) -> DataSplit {
        guard let key else { return .train }
        return StableHash.of(key) & 7 == 0 ? .test : .train
    }
}
