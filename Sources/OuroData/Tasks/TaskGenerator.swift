import Ouro

/// A candidate for an example, before its split is known.
struct TaskInstance: Sendable {
    let prompt: String
    let completion: String
    /// What the instance is, however it is written: two prompts with one key are one question and belong to one split.
    /// Nil for statements of facts, which only ever serve training.
    let key: String?
    /// Draws another question that may follow the prompt and its answer, if the task has such.
    var followUp: (@Sendable (inout DataRandom) -> TaskInstance)?
}

/// A task whose examples are drawn at random.
///
/// A hash of an instance decides which split the instance belongs to, and the generator draws until one fits. So the splits are
/// disjoint by construction, whatever the seeds.
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

    /// Questions of the training split that may follow an instance.
    private static func followUps(
        of instance: TaskInstance, random: inout DataRandom
    ) -> [SyntheticExample.Question] {
        guard let draw = instance.followUp else { return [] }
        return (0..<7).map { _ in draw(&random) }.filter { split(of: $0.key) == .train }
            .map { .init(prompt: $0.prompt, completion: $0.completion) }
    }

    /// The split that an instance belongs to.
    static func split(of key: String?) -> DataSplit {
        guard let key else { return .train }
        return StableHash.of(key) & 7 == 0 ? .test : .train
    }
}
