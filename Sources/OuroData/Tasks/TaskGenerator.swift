import Ouro

/// A candidate for an example. Its key decides its split.
struct TaskInstance: Sendable {
    /// The question.
    let prompt: String
    /// The answer.
    let completion: String
    /// Identifies the question, whatever its wording. Candidates with the same key belong to the same split. Nil marks
    /// a statement of facts, which belongs to the training split.
    let key: String?
    /// Draws a further question about the same prompt; nil if the task has none.
    var followUp: (@Sendable (inout DataRandom) -> TaskInstance)?
}

/// A task whose examples are drawn at random.
///
/// A hash of a candidate's key decides its split. The generator draws until a candidate is in the requested split. So
/// the splits are disjoint for all seeds.
protocol TaskGenerator: SyntheticTask {
    /// Draws a candidate.
    func draw(level: Int, random: inout DataRandom) -> TaskInstance
}

extension TaskGenerator {
    /// Draws candidates until one belongs to the split.
    func example(
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
