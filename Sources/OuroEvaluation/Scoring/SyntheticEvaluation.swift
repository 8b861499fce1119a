import Ouro
import OuroData

extension Evaluator {
    /// How often the greedy answer to a synthetic task is exactly right, by depth.
    ///
    /// Prompt and answer are encoded apart, as the data for training is. An answer counts as right if the model chooses each
    /// of its tokens; another sequence of tokens that reads the same would not.
    ///
    /// - Parameters:
    ///   - count: examples, numbered from 0 under this seed.
    ///   - split: which part of the task's instances; what was trained on is of interest only in comparison.
    /// - Returns: one result per reading of the plan, in its order.
    /// - Throws: ``OuroError``, or `CancellationError`.
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
                    "it has no tokens for the text of the task '\(task.name)': '\(example.prompt)\(example.completion)'"
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

    /// Whether every token of an answer is what the model chooses, each at the loop where it leaves.
    static func judge(
        _ positions: [ScoredPosition], answer: [Int], start: Int, reading: DepthReading
    ) -> DepthTally {
        var (isRight, loops) = (true, 0)
        for (offset, token) in answer.enumerated() {
            // The position before a token chooses it.
            let position = positions[start + offset - 1]
            let exit = reading.exitLoop(of: position)
            loops += exit
            if position.argmax[exit - 1] != token { isRight = false }
        }
        return DepthTally(questions: 1, correct: isRight ? 1 : 0, tokens: answer.count, loops: loops)
    }
}
