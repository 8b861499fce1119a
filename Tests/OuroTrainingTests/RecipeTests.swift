import Foundation
import Testing

@testable import Ouro
@testable import OuroTraining

/// Recipes: what they say, and that every mistake is an error with its line.
@Suite struct RecipeTests {
    static let text = """
        model:
          vocab_size: 256
          hidden_size: 32
          intermediate_size: 64
          num_hidden_layers: 2
          num_attention_heads: 4
          max_position_embeddings: 64
          total_ut_steps: 2
        data:
          text: {bytes: text.txt}
        stages:
          - name: one
            steps: 6
            sequence_length: 16
            batch_sequences: [2, 4]
            loops: 3
            beta: 0.1
            learning_rate: {schedule: cosine, peak: 1e-3, final: 1e-4, warmup_steps: 2}
            mixture: {text: 1}
          - name: gate
            tokens: 128
            sequence_length: 16
            batch_tokens: 32
            objective: gate
            learning_rate: {peak: 1e-2}
            mixture: {text: 1}
        """

    /// The text with a line replaced, and the error it gives.
    private func failure(_ line: String, _ replacement: String) -> OuroError? {
        let text = Self.text.replacingOccurrences(of: line, with: replacement)
        #expect(text != Self.text, "no line '\(line)'")
        do throws(OuroError) {
            _ = try Recipe(parsing: text, file: "r.yaml")
            return nil
        } catch {
            return error
        }
    }

    @Test func stagesSayWhatTheyTake() throws {
        let recipe = try Recipe(parsing: Self.text, file: "r.yaml")
        #expect(recipe.name == "r" && recipe.stages.map(\.steps) == [6, 4])
        let first = recipe.stages[0]
        #expect(first.rows == 2...4 && (0..<6).map { first.rows(step: $0) } == [2, 2, 3, 3, 4, 4])
        #expect(first.compute.loops == 3 && first.compute.objective == .expectedLoss(beta: 0.1))
        #expect(recipe.stages[1].compute.objective == .gate(.toCome) && recipe.stages[1].compute.loops == 2)
    }

    @Test func ratesWarmUpAndFall() {
        let cosine = LearningRateSchedule(.cosine, peak: 1, final: 0.1, warmUpSteps: 1)
        #expect(cosine.rate(step: 0, of: 4) == 0.5 && cosine.rate(step: 1, of: 4) == 1)
        #expect(abs(cosine.rate(step: 3, of: 4) - 0.1) < 1e-12)
        let stable = LearningRateSchedule(.warmUpStableDecay(decaySteps: 2), peak: 1, final: 0)
        #expect((0..<4).map { stable.rate(step: $0, of: 4) } == [1, 1, 0.5, 0])
    }

    @Test(arguments: [
        ("  hidden_size: 32", "  hidden_size: 33.5", 3, "model.hidden_size"),
        ("  hidden_size: 32", "  hiden_size: 32", 3, "model.hiden_size"),
        ("  num_attention_heads: 4", "  num_attention_heads: 32", 1, "model.head_dim"),
        ("    loops: 3", "    loops: 0", 16, "stages[0].loops"),
        ("    steps: 6", "    steps: 6\n    tokens: 9", 13, "stages[0].steps"),
        (
            "    sequence_length: 16\n    batch_s", "    sequence_length: 65\n    batch_s", 14,
            "stages[0].sequence_length"
        ),
        ("    mixture: {text: 1}\n  - name", "    mixture: {book: 1}\n  - name", 19, "stages[0].mixture.book"),
        ("    objective: gate", "    objective: gates", 24, "stages[1].objective"),
        ("    objective: gate", "    objective: gate\n    beta: 1", 25, "stages[1].beta"),
        ("warmup_steps: 2", "warmup_steps: 6", 18, "stages[0].learning_rate.warmup_steps"),
        ("  text: {bytes: text.txt}", "  text: {bytes: a, task: b}", 10, "data.text"),
        ("    beta: 0.1", "    beta: .nan", 17, "stages[0].beta"),
        ("stages:", "lora: {rank: 0}\nstages:", 11, "lora.rank"),
        ("stages:", "lora: {targets: [lm_head]}\nstages:", 11, "lora.targets[0]"),
        ("stages:", "lora: {targets: [q_proj, [v_proj]]}\nstages:", 11, "lora.targets[1]"),
        ("stages:", "lora: {rank: 2}\nstages:", 25, "stages[1].objective"),
    ]) func mistakesHaveLines(line: String, replacement: String, number: Int, field: String) {
        let error = failure(line, replacement)
        #expect(error?.code == .invalidRecipe)
        #expect(error?.file == "r.yaml:\(number)", "\(error.map(\.description) ?? "no error")")
        #expect(error?.field == field, "\(error.map(\.description) ?? "no error")")
    }

    @Test(arguments: [
        "", "[]", "a: [", "model: 1\nmodel: 2", String(repeating: "[", count: 5000),
        String(repeating: "- ", count: 450), "a: &a [*a]", "\u{0}", String(repeating: "{a: ", count: 40),
    ]) func whatIsNoRecipeIsAnError(text: String) {
        #expect(throws: OuroError.self) { try Recipe(parsing: text, file: "r.yaml") }
    }

    @Test(arguments: ["ouro-1.4b", "ouro-tiny"]) func theRecipesOfThePackageAreValid(name: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Recipes").standardizedFileURL
        let recipe = try Recipe(contentsOf: folder.appendingPathComponent("\(name).yaml"))
        let plan = try TrainingPlan(recipe, threads: 1, operationsPerSecond: 1e11)
        #expect(plan.text.contains("parameters"))
        if name == "ouro-1.4b" {
            #expect(abs(plan.tokens - 7.72e12) < 1e10 && recipe.stages.map(\.compute.loops) == [8, 4, 4, 4, 4])
            #expect(abs(Double(plan.parameters) - 1.434e9) < 1e7, "\(plan.parameters)")
        } else {
            #expect(plan.parameters * 2 <= 8 << 20, "\(plan.parameters * 2) bytes in bf16")
        }
    }

    @Test func stagesBeyondTheMemoryAreRefusedWithNumbers() throws {
        let recipe = try Recipe(parsing: Self.text, file: "r.yaml")
        try TrainingPlan.checkMemory(recipe, threads: 1)
        let refused = #expect(throws: OuroError.self) {
            try TrainingPlan.checkMemory(recipe, threads: 1, available: 1 << 16)
        }
        #expect(refused?.code == .memoryExceeded)
        #expect(refused?.field == "stage '\(recipe.stages[0].name)'")
        #expect(refused?.description.contains("0.06 MiB are available") == true, "\(refused?.description ?? "")")

        let benchmark = TrainingBenchmark(
            configuration: recipe.configuration(of: recipe.stages[0]), rows: 1_000_000_000, length: 16,
            microBatch: 1_000_000_000)
        let measured = #expect(throws: OuroError.self) { try benchmark.run(steps: 1, threads: 1) }
        #expect(measured?.code == .memoryExceeded)
    }
}
