import Foundation
import Testing

@testable import Ouro
@testable import OuroTraining

/// Tests low-rank adapters: their gradients, training, loading and merging.
@Suite struct LoraTests {
    private static let settings = Recipe.LoraSettings(rank: 2, alpha: 4, targets: Adapter.targets)

    @Test func gradientsOfTheFactorsAgreeWithDifferencesOfTheLoss() throws {
        let harness = try TrainingHarness("train_c_gqa_seed1")
        let adapters = LowRankAdapters(harness.model, settings: Self.settings, seed: 3, path: "")
        let factors = adapters.trainables.parameters
        // B is zero at first, which makes A's gradient zero.
        for (index, value) in FiniteDifferenceTests.values(factors.count, seed: 5).enumerated() {
            factors.base[index] += 0.05 * value
        }
        adapters.merge()
        let batch = try harness.batch(0)
        let settings = harness.settings(.expectedLoss(beta: 0.1))
        _ = harness.gradients(batch, settings)
        adapters.projectGradients()
        let start = factors.values(0..<factors.count)
        let gradient = adapters.trainables.gradients.values(0..<factors.count)
        FiniteDifferenceTests.expectDerivative("factors", at: start, gradient: gradient, tolerance: 1e-2, step: 2e-3) {
            values in
            for (index, value) in values.enumerated() { factors.base[index] = value }
            adapters.merge()
            return harness.gradients(batch, settings).objective
        }
    }

    @Test func newAdaptersChangeNothing() throws {
        let harness = try TrainingHarness("train_a_mha_seed1")
        let before = harness.model.parameters.values(0..<harness.model.layout.count)
        let adapters = LowRankAdapters(harness.model, settings: Self.settings, seed: 3, path: "")
        adapters.merge()
        #expect(harness.model.parameters.values(0..<harness.model.layout.count) == before)
        #expect(!adapters.trainables.parameters.values(0..<adapters.trainables.parameters.count).allSatisfy { $0 == 0 })
    }

    /// A text, an untrained model, and a recipe that trains adapters on the text.
    private static func workplace() throws -> (folder: URL, base: URL, recipe: Recipe) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(String(repeating: "a rose is a rose is a rose; ", count: 40).utf8)
            .write(to: folder.appendingPathComponent("text.txt"))
        let text = """
            model: {vocab_size: 256, hidden_size: 48, intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 4, \
            max_position_embeddings: 64, total_ut_steps: 2}
            data:
              text: {bytes: text.txt}
            lora: {rank: 4, alpha: 8, targets: [q_proj, v_proj, up_proj, down_proj]}
            checkpoints: {every_steps: 7}
            stages:
              - name: tune
                steps: 60
                sequence_length: 32
                batch_sequences: 4
                learning_rate: {schedule: cosine, peak: 3e-2, warmup_steps: 2}
                mixture: {text: 1}
            """
        let file = folder.appendingPathComponent("r.yaml")
        try Data(text.utf8).write(to: file)
        let recipe = try Recipe(contentsOf: file)
        let base = folder.appendingPathComponent("base")
        let model = TrainableModel(recipe.model, compute: try Compute(threads: 1))
        model.initialise(seed: 1)
        try ModelExport(model: model, elementType: .bf16, tokenizer: nil).write(to: base, configuration: recipe.model)
        return (folder, base, recipe)
    }

    @Test func aTrainedAdapterLoadsAndMergesToTheSameBits() async throws {
        let (folder, base, recipe) = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let weights = base.appendingPathComponent("model.safetensors")
        let before = try Data(contentsOf: weights)
        let trainer = try Trainer(
            recipe: recipe, output: folder.appendingPathComponent("out"), threads: 2, initial: base)
        var losses: [Double] = []
        _ = try trainer.run(stop: { false }, report: { losses.append($0.metrics.objective) })
        let (first, last) = (try #require(losses.first), try #require(losses.last))
        #expect(last < 0.8 * first, "objective \(first), at the end \(last)")
        #expect(try Data(contentsOf: weights) == before, "the base has changed")

        let folderOfAdapter = folder.appendingPathComponent("out/adapter")
        let merged = folder.appendingPathComponent("merged")
        try Adapter(contentsOf: folderOfAdapter).merge(into: base, output: merged)
        let prompt = Prompt.tokens(Array("a rose is".utf8).map(Int.init))
        func scores(_ model: URL, _ adapter: URL?) async throws -> [[Float]] {
            let engine = try Engine(modelAt: model, options: EngineOptions(threads: 1, adapter: adapter))
            return try await engine.score(ScoringRequest(prompt)).map { $0.logProbabilities ?? [] }
        }
        let loaded = try await scores(base, folderOfAdapter)
        #expect(loaded == (try await scores(merged, nil)))
        #expect(loaded != (try await scores(base, nil)))
    }

    @Test func aTrainingOfAdaptersContinuesBitForBit() throws {
        let (folder, base, recipe) = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        func output(_ name: String) -> URL { folder.appendingPathComponent(name) }
        _ = try Trainer(recipe: recipe, output: output("a"), threads: 1, initial: base)
            .run(stop: { false }, report: { _ in })
        let broken = try Trainer(recipe: recipe, output: output("b"), threads: 2, initial: base)
        #expect(try broken.run(stop: { broken.progress.step == 31 }, report: { _ in }) == .stopped)
        _ = try Trainer(recipe: recipe, output: output("b"), threads: 1, resumes: true)
            .run(stop: { false }, report: { _ in })
        let file = "adapter/adapter_model.safetensors"
        #expect(
            try Data(contentsOf: output("a").appendingPathComponent(file))
                == Data(contentsOf: output("b").appendingPathComponent(file)))

        // Training does not resume if another model has replaced the base.
        let other = TrainableModel(recipe.model, compute: try Compute(threads: 1))
        other.initialise(seed: 2)
        try ModelExport(model: other, elementType: .bf16, tokenizer: nil).write(to: base, configuration: recipe.model)
        do throws(OuroError) {
            _ = try Trainer(recipe: recipe, output: output("b"), threads: 1, resumes: true)
            Issue.record("the training went on with another model")
        } catch {
            #expect(error.code == .invalidCheckpoint && error.file == base.path, "\(error)")
        }
    }

    @Test func adaptersNeedAModel() throws {
        let (folder, _, recipe) = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        do throws(OuroError) {
            _ = try Trainer(recipe: recipe, output: folder.appendingPathComponent("out"), threads: 1)
            Issue.record("adapters of nothing")
        } catch {
            #expect(error.field == "lora", "\(error)")
        }
    }
}
