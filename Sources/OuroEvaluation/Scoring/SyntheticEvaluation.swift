import Ouro
import OuroData

extension Evaluator {
    /// Measures how often the greedy answer to a synthetic task is exactly right, for each reading of the plan.
    ///
    /// Prompt and answer are tokenised separately, as in the training data. An answer is right if the model predicts
    /// each of its tokens. Other tokens that decode to the same text count as wrong.
    ///
    /// - Parameters:
    ///   - task: the task.
    ///   - level: one of the task's levels.
    ///   - seed: the seed of the examples.
    ///   - count: the number of examples. They are numbered from 0.
    ///   - split: the split of the examples. The training split is useful only for comparison.
    /// - Returns: one result for each reading of the plan, in the same order.
    /// - Throws: `OuroError`, or `CancellationError` if the task is cancelled.
    public func evaluate(
        _ task: any SyntheticTask, level: Int, seed: UInt64, count: Int, split: DataSplit = .test
    ) async throws -> [EvaluationResult] {
        let tokenizer = try needTokenizer()
        _ = try task.example(seed: seed, index: 0, level: level, split: split)
        @Sendable func parts(_ index: Int) throws -> (prompt: [Int], answer: [Int]) {
            let example = try task.example(seed: seed, index: index, level: level, split: split)
            let prompt = tokenizer.encode(example.prompt, parsingSpecialTokens: false)
            let answer = tokenizer.encode(example.completion, parsingSpecialTokens: false)
            guard !prompt.isEmpty, !answer.isEmpty else {
                throw OuroError(
                    .invalidTokenizer, file: "tokenizer.json",
                    "the tokenizer has no tokens for the task '\(task.name)': '\(example.prompt)\(example.completion)'"
                )
            }
            return (prompt, answer)
        }
        let readings = plan.readings
        let tallies = try await scoreAll(
            count,
            text: { index in
                let (prompt, answer) = try parts(index)
                return (prompt + answer, prompt.count)
            },
            reduce: { index, scores in
                let (prompt, answer) = try parts(index)
                return zip(readings, scores).map { reading, positions in
                    Self.judge(positions, answer: answer, start: prompt.count, reading: reading)
                }
            })
        return readings.indices.map { index in
            let sum = tallies.reduce(DepthTally()) { $0 + $1[index] }
            return EvaluationResult(
                task: task.name, level: level, reading: readings[index], accuracy: sum.accuracy,
                meanLoops: sum.meanLoops, count: sum.questions)
        }
    }

    /// Checks an answer: it is right if every token is the most likely one at its exit loop.
    static func judge(
        _ positions: [ScoredPosition], answer: [Int], start: Int, reading: DepthReading
    ) -> DepthTally {
        var (isRight, loops) = (true, 0)
        for (offset, token) in answer.enumerated() {
            // The position before a token predicts it.
            let position = positions[start + offset - 1]
            let exit = reading.exitLoop(of: position)
            loops += exit
            if position.argmax[exit - 1] != token { isRight = false }
        }
        return DepthTally(questions: 1, correct: isRight ? 1 : 0, tokens: answer.count, loops: loops)
    }
}
