import Foundation
import Ouro

extension Evaluator {
    /// Measures the accuracy on multiple-choice questions, for each reading of the plan.
    ///
    /// Each choice is scored as the continuation " choice" of the question; no space is added if it starts with white
    /// space. Its score is the sum of its tokens' log-probabilities. For `normalisedAccuracy`, the sum is divided by
    /// the choice's length in characters. Both are as in EleutherAI's lm-evaluation-harness (`acc` and `acc_norm`). If
    /// two scores are equal, the first choice wins.
    ///
    /// - Parameters:
    ///   - questions: the questions.
    /// - Returns: one result for each reading of the plan, in the same order.
    /// - Throws: `OuroError`, or `CancellationError` if the task is cancelled.
    public func evaluate(_ questions: [MultipleChoiceQuestion]) async throws -> [EvaluationResult] {
        let tokenizer = try needTokenizer()
        let texts = questions.indices.flatMap { question in
            questions[question].choices.indices.map { (question, $0) }
        }
        @Sendable func parts(_ index: Int) throws -> (question: [Int], choice: [Int]) {
            let (number, choice) = texts[index]
            let text = questions[number].choices[choice]
            let spaced = text.first?.isWhitespace == true ? text : " " + text
            let start = tokenizer.encode(questions[number].question, parsingSpecialTokens: false)
            let end = tokenizer.encode(spaced, parsingSpecialTokens: false)
            guard !start.isEmpty, !end.isEmpty else {
                throw OuroError(
                    .invalidData, field: "question \(number + 1)", "the tokenizer has no tokens for its text '\(text)'")
            }
            return (start, end)
        }
        let readings = plan.readings
        let scores = try await scoreAll(
            texts.count,
            text: { index in
                let (question, choice) = try parts(index)
                return (question + choice, question.count)
            },
            reduce: { index, scores in
                let start = try parts(index).question.count
                return zip(readings, scores).map { Self.choiceScore($1, start: start, reading: $0) }
            })
        var tallies = readings.map { _ in DepthTally() }
        var next = 0
        for question in questions {
            let choices = scores[next..<(next + question.choices.count)]
            next += question.choices.count
            for index in readings.indices {
                let sums = choices.map { $0[index].logProbability }
                let normalised = zip(sums, question.choices).map { sum, text in
                    sum / Double(text.trimmingCharacters(in: .whitespaces).unicodeScalars.count.clamped(from: 1))
                }
                tallies[index].questions += 1
                tallies[index].correct += Self.largest(sums) == question.answer ? 1 : 0
                tallies[index].correctNormalised += Self.largest(normalised) == question.answer ? 1 : 0
                for choice in choices {
                    tallies[index].tokens += choice[index].tokens
                    tallies[index].loops += choice[index].loops
                }
            }
        }
        return readings.indices.map { index in
            EvaluationResult(
                task: "choices", level: nil, reading: readings[index], accuracy: tallies[index].accuracy,
                meanLoops: tallies[index].meanLoops, count: questions.count,
                normalisedAccuracy: tallies[index].normalisedAccuracy)
        }
    }

    private static func choiceScore(
        _ positions: [ScoredPosition], start: Int, reading: DepthReading
    ) -> (logProbability: Double, tokens: Int, loops: Int) {
        var (sum, loops) = (0.0, 0)
        for index in start..<positions.count {
            let exit = reading.exitLoop(of: positions[index - 1])
            sum += Double(positions[index].logProbabilities?[exit - 1] ?? 0)
            loops += exit
        }
        return (sum, positions.count - start, loops)
    }

    /// Index of the first of the largest values.
    private static func largest(_ values: [Double]) -> Int {
        values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
    }
}

extension Int {
    fileprivate func clamped(from least: Int) -> Int { Swift.max(self, least) }
}
