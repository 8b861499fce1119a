import Foundation
@testable import OuroData
import Testing

@testable import Ouro
@testable import OuroEvaluation

/// Compares evaluations with what the engine itself scores and generates.
@Suite struct EvaluatorTests {
    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../OuroTests/Fixtures").standardizedFileURL
    static func engine(_ name: String = "code_lm") throws -> Engine {
        try Engine(modelAt: fixtures.appendingPathComponent(name))
    }

    /// A task with prompts of code and given answers.
    private struct ScriptedTask: TaskGenerator {
        let name = "scripted"
        let summary = ""
        let levels = 1...1
        let answers: [String]
        static let prompts = [
            "public func append(_ ", "let x = ", "import Foun", "guard let ", "for index in ", "return ",
        ]

        func draw(level: Int, random: inout DataRandom) -> TaskInstance {
            let index = random.below(answers.count)
            return TaskInstance(prompt: Self.prompts[index], completion: answers[index], key: nil)
        }
    }

    private static func greedy(
        _ engine: Engine, _ prompt: String, loops: Int? = nil, exit: ExitPolicy = .allLoops
    ) async throws -> (text: String, loops: [Int]) {
        var request = GenerationRequest(.text(prompt), maxTokens: 6, ignoresEndOfText: true)
        (request.loops, request.exit, request.sampling) = (loops, exit, SamplingParameters(temperature: 0))
        var (text, exits) = ("", [Int]())
        for try await token in try engine.generate(request) {
            text += token.text
            exits.append(token.exitLoop)
        }
        return (text, exits)
    }

    @Test func scoringAgreesWithGenerationAtEveryDepth() async throws {
        let engine = try Self.engine()
        var answers: [String] = []
        for prompt in ScriptedTask.prompts { answers.append(try await Self.greedy(engine, prompt).text) }
        let task = ScriptedTask(answers: answers)
        let plan = try DepthPlan(
            loops: [1, 2, 4], thresholds: [0.2, 0.5, 0.9], configuration: engine.configuration)
        let count = 12
        let results = try await Evaluator(engine: engine, plan: plan)
            .evaluate(task, level: 1, seed: 1, count: count, split: .train)
        #expect(results.map(\.loops) == [1, 2, 4, 4, 4, 4])
        #expect(results.map(\.threshold) == [1, 1, 1, 0.2, 0.5, 0.9])
        #expect(results[2].accuracy == 1, "the answers are those of all four loops")
        for (result, reading) in zip(results, plan.readings) {
            var (right, agrees) = (0, true)
            for index in 0..<count {
                let example = try task.example(seed: 1, index: index, level: 1, split: .train)
                let answer = try await Self.greedy(
                    engine, example.prompt, loops: result.loops, exit: .threshold(result.threshold))
                if answer.text == example.completion { right += 1 } else { agrees = false }
            }
            #expect(result.accuracy == Double(right) / Double(count), "\(reading)")
            if case .loops(let loops) = reading { #expect(result.meanLoops == Double(loops)) }
            if agrees { #expect(result.meanLoops > 1) }
        }
        #expect(results[3].meanLoops <= results[4].meanLoops && results[4].meanLoops <= results[5].meanLoops)
    }

    @Test(arguments: [Float(0), 0.1, 0.35, 0.6, 0.8, 0.99, 1])
    func exitLoopsAreTheEngines(threshold: Float) async throws {
        let engine = try Self.engine("a_base_mha_fp32_seed1")
        let tokens = (0..<60).map { ($0 * 37 + 11) % 256 }
        for loops in 1...5 {
            let own = try await engine.score(
                ScoringRequest(.tokens(tokens), loops: loops, exit: .threshold(threshold)))
            let more = try await engine.score(ScoringRequest(.tokens(tokens), loops: 6, exit: .allLoops))
            let reading = DepthReading.threshold(threshold, loops: loops)
            #expect(more.map { reading.exitLoop(of: $0) } == own.map(\.exitLoop), "\(loops) loops")
            #expect(
                more.map { $0.argmax[loops - 1] } == own.map { $0.argmax[loops - 1] }, "deeper loops change nothing")
        }
    }

    @Test func anAnswerIsRightOnlyIfAllItsTokensAre() {
        func position(_ index: Int, argmax: [Int], gate: [Float]) -> ScoredPosition {
            ScoredPosition(
                position: index, token: 0, logProbabilities: nil, gate: gate, exitDistribution: [], exitLoop: 2,
                argmax: argmax, alternatives: [])
        }
        // Loop 1 predicts only the first token, loop 2 predicts both. The gate lets the first token exit at loop 1.
        let positions = [
            position(0, argmax: [9, 9], gate: [0, 0]), position(1, argmax: [5, 5], gate: [0.9, 0]),
            position(2, argmax: [9, 6], gate: [0.1, 0]), position(3, argmax: [9, 9], gate: [0, 0]),
        ]
        func judge(_ reading: DepthReading) -> [Int] {
            let tally = Evaluator.judge(positions, answer: [5, 6], start: 2, reading: reading)
            return [tally.questions, tally.correct, tally.tokens, tally.loops]
        }
        #expect(judge(.loops(1)) == [1, 0, 2, 2])
        #expect(judge(.loops(2)) == [1, 1, 2, 4])
        #expect(judge(.threshold(0.5, loops: 2)) == [1, 1, 2, 3])
        #expect(judge(.threshold(0.05, loops: 2)) == [1, 0, 2, 2])
        #expect(judge(.threshold(1, loops: 2)) == [1, 1, 2, 4])
    }

    @Test func perplexityEqualsScores() async throws {
        let engine = try Self.engine()
        let text = "public struct Row {\n    var position: Int\n}\n"
        let plan = try DepthPlan(loops: nil, thresholds: [0.5], configuration: engine.configuration)
        let results = try await Evaluator(engine: engine, plan: plan).evaluate(text: text)
        let scored = try await engine.score(.text(text)).compactMap(\.logProbabilities)
        for loop in 0..<4 {
            let mean = scored.reduce(0.0) { $0 + Double($1[loop]) } / Double(scored.count)
            #expect(results[loop].perplexity == exp(-mean), "loop \(loop + 1)")
            #expect(results[loop].count == text.utf8.count - 1)
        }
        #expect(results.last?.threshold == 0.5)
        #expect((results.last?.meanLoops ?? 0) > 1)
    }

    @Test func windowsPredictEveryTokenOnce() async throws {
        let engine = try Self.engine()
        let text = String(repeating: "let value = index + 1\n", count: 9)
        let plan = try DepthPlan(loops: [4], thresholds: [], configuration: engine.configuration)
        let evaluator = Evaluator(engine: engine, plan: plan)
        for window in [2, 7, 50, 198, 2048] {
            let result = try await evaluator.evaluate(text: text, window: window)[0]
            #expect(result.count == text.utf8.count - 1, "window \(window)")
        }
        let narrow = try await evaluator.evaluate(text: text, window: 2)[0].perplexity ?? 0
        let wide = try await evaluator.evaluate(text: text)[0].perplexity ?? 0
        #expect(narrow > 2 * wide, "\(narrow) with one token of context, \(wide) with all")
        for bad in [0, 1, 4000] {
            await #expect(throws: OuroError.self) { try await evaluator.evaluate(text: text, window: bad) }
        }
        await #expect(throws: OuroError.self) { try await evaluator.evaluate(text: "x") }
    }

    @Test func choicesAreScoredByTheirTokens() async throws {
        let engine = try Self.engine()
        let questions = [
            MultipleChoiceQuestion(question: "public", choices: ["func", "xqz", "let you go"], answer: 0),
            MultipleChoiceQuestion(question: "import", choices: ["zzz", "Foundation"], answer: 1),
        ]
        let plan = try DepthPlan(loops: [1, 4], thresholds: [0.5], configuration: engine.configuration)
        let results = try await Evaluator(engine: engine, plan: plan).evaluate(questions)
        for (index, loop) in [0, 3].enumerated() {
            var (plain, normalised) = (0, 0)
            for question in questions {
                var sums: [Double] = []
                for choice in question.choices {
                    let scored = try await engine.score(.text(question.question + " " + choice))
                    sums.append(
                        scored.dropFirst(question.question.utf8.count)
                            .reduce(0.0) { $0 + Double($1.logProbabilities?[loop] ?? 0) })
                }
                let means = zip(sums, question.choices).map { $0 / Double($1.count) }
                plain += sums.max() == sums[question.answer] ? 1 : 0
                normalised += means.max() == means[question.answer] ? 1 : 0
            }
            #expect(results[index].accuracy == Double(plain) / 2, "loop \(loop + 1)")
            #expect(results[index].normalisedAccuracy == Double(normalised) / 2, "loop \(loop + 1)")
        }
        #expect(results.map(\.count) == [2, 2, 2])
    }

    @Test func depthsOutOfRangeAreRefused() throws {
        let configuration = try ModelConfiguration(
            contentsOf: Self.fixtures.appendingPathComponent("code_lm/config.json"))
        func field(_ loops: [Int]?, _ thresholds: [Float]) -> String? {
            do throws(OuroError) {
                _ = try DepthPlan(loops: loops, thresholds: thresholds, configuration: configuration)
                return nil
            } catch {
                return error.field
            }
        }
        #expect(field(nil, [0, 0.5, 1]) == nil)
        #expect(field([], []) == "loops")
        #expect(field([0], []) == "loops")
        #expect(field([65], []) == "loops")
        #expect(field(nil, [1.5]) == "thresholds")
        #expect(field(nil, [.nan]) == "thresholds")
    }
}

/// Tests reading questions from JSON lines.
@Suite struct MultipleChoiceTests {
    private static func load(_ text: String) throws -> [MultipleChoiceQuestion] {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).jsonl")
        try Data(text.utf8).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        return try MultipleChoiceQuestion.load(contentsOf: url)
    }

    @Test func answersAreIndicesLettersOrTexts() throws {
        let questions = try Self.load(
            """
            {"question":"q","choices":["x","y"],"answer":1}

            {"question":"q","choices":["x","y"],"answer":"A","subject":"passed over"}
            {"question":"q","choices":["B","A"],"answer":"B"}\r
            {"question":"q","choices":["x","y"],"answer":"y"}
            """)
        #expect(questions.map(\.answer) == [1, 0, 0, 1])
    }

    @Test(arguments: [
        (#"{"question":"q","choices":["x","y"],"answer":2}"#, "answer"),
        (#"{"question":"q","choices":["x","y"],"answer":"C"}"#, "answer"),
        (#"{"question":"q","choices":["x","y"],"answer":-1}"#, "answer"),
        (#"{"question":"q","choices":["x","y"],"answer":0.5}"#, "answer"),
        (#"{"question":"q","choices":["x","y"],"answer":null}"#, "answer"),
        (#"{"question":"q","choices":["x"],"answer":0}"#, "choices"),
        (#"{"question":"q","choices":["x",""],"answer":0}"#, "choices"),
        (#"{"question":"","choices":["x","y"],"answer":0}"#, "question"),
        (#"{"question":"q","choices":"xy","answer":0}"#, "choices"), (#"{"choices":["x","y"],"answer":0}"#, "line 2"),
        (#"{"question":"q","question":"r","choices":["x","y"],"answer":0}"#, "question"), ("not json", "line 2"),
    ])
    func faultsNameTheirLine(line: String, names: String) {
        let error = #expect(throws: OuroError.self) {
            try Self.load(#"{"question":"q","choices":["x","y"],"answer":0}"# + "\n" + line)
        }
        #expect(error?.field?.hasPrefix("line 2") == true, "\(String(describing: error))")
        #expect(error?.field?.contains(names) == true, "\(String(describing: error))")
    }

    @Test func anEmptyFileIsRefused() {
        #expect(throws: OuroError.self) { try Self.load("\n\n") }
    }
}
