import Ouro

/// A family of questions of growing difficulty with one right answer each.
///
/// An example is a pure function of (seed, index, level, split), and the splits are disjoint whatever the seeds.
/// ``SyntheticTasks`` has the built-in tasks. A task of your own implements ``example(seed:index:level:split:)``.
public protocol SyntheticTask: Sendable {
    /// The name, as recipes and commands take it.
    var name: String { get }
    /// A description in one line: the question and the meaning of the level.
    var summary: String { get }
    /// The levels, from easy to hard.
    var levels: ClosedRange<Int> { get }
    /// Whether training also learns the prompts. By default false.
    var learnsPrompt: Bool { get }

    /// Generates an example.
    ///
    /// - Parameters:
    ///   - index: from 0.
    ///   - level: one of ``levels``.
    ///   - split: which part of the task's instances the example comes from.
    /// - Throws: ``OuroError`` with code `invalidRequest` if the task has no such level.
    func example(seed: UInt64, index: Int, level: Int, split: DataSplit) throws(OuroError) -> SyntheticExample
}

extension SyntheticTask {
    /// By default prompts are not learnt.
    public var learnsPrompt: Bool { false }
}
