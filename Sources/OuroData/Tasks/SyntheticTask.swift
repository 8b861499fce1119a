import Ouro

/// A generator of questions with one right answer each, at several levels of difficulty.
///
/// An example is a pure function of its seed, index, level and split. The splits are disjoint for all seeds.
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
    ///   - seed: the seed of the examples.
    ///   - index: the number of the example under this seed, from 0.
    ///   - level: one of `levels`.
    ///   - split: the split to draw from.
    /// - Throws: `OuroError` with code `invalidRequest` if the task does not have the level.
    func example(seed: UInt64, index: Int, level: Int, split: DataSplit) throws(OuroError) -> SyntheticExample
}

extension SyntheticTask {
    /// By default prompts are not learnt.
    public var learnsPrompt: Bool { false }
}
