import Foundation
import Testing

@testable import Ouro
@testable import OuroTraining

/// Tests whole trainings: they learn, stop, resume to the same bits, and end with a folder that loads.
@Suite struct TrainerTests {
    private static func folder() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let line = "to be or not to be, that is the question; "
        try Data(String(repeating: line, count: 40).utf8).write(to: url.appendingPathComponent("text.txt"))
        return url
    }

    private static func recipe(_ folder: URL, _ change: (String) -> String = { $0 }) throws -> Recipe {
        let url = folder.appendingPathComponent("r.yaml")
        try Data(change(RecipeTests.text).utf8).write(to: url)
        return try Recipe(contentsOf: url)
    }

    private static func weights(_ output: URL) throws -> Data {
        try Data(contentsOf: output.appendingPathComponent("model/model.safetensors"))
    }

    @Test(arguments: [
        ("activations: f32", ActivationStorage.f32), ("activations: bf16", .bf16), ("checkpointing: loop", .recomputed),
    ]) func aTrainingThatIsStoppedContinuesBitForBit(field: String, storage: ActivationStorage) throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let recipe = try Self.recipe(folder) {
            $0.replacingOccurrences(of: "    beta: 0.1\n", with: "    beta: 0.1\n    \(field)\n")
        }
        #expect(recipe.stages[0].compute.activations == storage)
        let (straight, broken) = (folder.appendingPathComponent("a"), folder.appendingPathComponent("b"))
        let whole = try Trainer(recipe: recipe, output: straight, threads: 2)
        #expect(try whole.run(stop: { false }, report: { _ in }) == .finished)
        // Every run takes one step and stops, also at the end of a stage.
        var first = true
        while true {
            let trainer = try Trainer(recipe: recipe, output: broken, threads: 1, resumes: !first)
            first = false
            let start = trainer.progress.step
            let outcome = try trainer.run(stop: { trainer.progress.step > start }, report: { _ in })
            if outcome == .finished { break }
        }
        #expect(try Self.weights(straight) == Self.weights(broken))
        let config = try ModelConfiguration(contentsOf: broken.appendingPathComponent("model/config.json"))
        #expect(config.loops == 2 && config.dataType == "bfloat16")
        #expect(CheckpointFolder(broken).files.count == 3, "checkpoints that are kept")
        let engine = try Engine(modelAt: broken.appendingPathComponent("model"), options: EngineOptions(threads: 1))
        #expect(engine.configuration.vocabularySize == 256)
    }

    /// The test needs a second kernel variant. It is skipped where only the portable kernels are available.
    @Test(.enabled(if: Kernels.available.count > 1))
    func otherKernelsAreNamedWhenATrainingGoesOn() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let recipe = try Self.recipe(folder)
        let output = folder.appendingPathComponent("out")
        let (first, second) = (Kernels.available[0].name, "portable")
        func resume(_ kernels: String?) throws -> Trainer {
            try Trainer(recipe: recipe, output: output, threads: 1, resumes: true, instructionSet: kernels)
        }
        func run(_ trainer: Trainer) throws {
            let start = trainer.progress.step
            _ = try trainer.run(stop: { trainer.progress.step > start }, report: { _ in })
        }
        try run(Trainer(recipe: recipe, output: output, threads: 1, instructionSet: first))
        let newest = try #require(CheckpointFolder(output).files.last)
        let metadata = try SafetensorsFile(contentsOf: newest).metadata
        #expect(metadata["kernels"] == first && metadata["version"] == PackageVersion.current)
        #expect(try resume(first).notes.isEmpty)
        let other = try resume(second)
        #expect(
            other.notes == [
                "step 1 was computed by \(first) kernels of version 0.1.0, the next by portable kernels of version 0.1.0; the "
                    + "result will not be that of an uninterrupted training bit for bit (OURO_ISA=\(first) selects the "
                    + "former kernels)"
            ])
        try run(other)
        #expect(try resume(second).notes.isEmpty)
        #expect(try resume(first).notes.count == 1)
    }

    @Test func otherVersionsAreNamedWhenATrainingGoesOn() throws {
        let now = Provenance(try Compute(threads: 1))
        var before = now
        before.version = "0.0.9"
        #expect(Provenance.note(from: now, to: now, step: 4) == nil)
        #expect(Provenance.note(from: before, to: now, step: 4)?.contains("kernels of version 0.0.9, the next") == true)
        #expect(Provenance.note(from: nil, to: now, step: 4)?.contains("step 4 was computed by an unknown") == true)
        #expect(Provenance(ExactDictionary(now.metadata.map { (key: $0.key, value: $0.value) })) == now)
    }

    @Test func anInstructionSetTheMachineLacksIsRefused() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let recipe = try Self.recipe(folder)
        let output = folder.appendingPathComponent("out")
        let error = #expect(throws: OuroError.self) {
            try Trainer(recipe: recipe, output: output, threads: 1, instructionSet: "abacus")
        }
        #expect(error?.code == .unsupported && error?.field == "OURO_ISA")
        #expect(!FileManager.default.fileExists(atPath: output.path))
    }

    @Test func twoHundredStepsLearnALine() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let recipe = try Self.recipe(folder) {
            $0.replacingOccurrences(of: "steps: 6", with: "steps: 200")
                .replacingOccurrences(of: "batch_sequences: [2, 4]", with: "batch_sequences: 8")
                .replacingOccurrences(of: "peak: 1e-3", with: "peak: 1e-2")
        }
        let trainer = try Trainer(recipe: recipe, output: folder.appendingPathComponent("out"), threads: 2)
        var reports: [StepReport] = []
        _ = try trainer.run(stop: { false }, report: { reports.append($0) })
        let first = try #require(reports.first { $0.stage == "one" }?.metrics.crossEntropy.last)
        let last = try #require(reports.last { $0.stage == "one" }?.metrics.crossEntropy.last)
        #expect(last < 1.2 && last < first / 2, "cross-entropy \(first), at the end \(last)")
        let log = try String(contentsOf: folder.appendingPathComponent("out/log.jsonl"), encoding: .utf8)
        #expect(log.split(separator: "\n").count == reports.count)
    }

    @Test func stageTwoLeavesTheLanguageModelAsItIs() throws {
        let harness = try TrainingHarness("train_a_mha_seed1")
        let model = harness.model
        let before = model.parameters.values(0..<model.layout.count)
        let optimizer = AdamW(model.trainables, settings: OptimizerSettings())
        _ = harness.gradients(try harness.batch(0), harness.settings(.gate(.toCome)))
        optimizer.update(rate: 1e-2, gradientNorm: optimizer.gradientNorm(gateOnly: true), gateOnly: true)
        model.parametersChanged()
        let after = model.parameters.values(0..<model.layout.count)
        for index in before.indices where before[index] != after[index] {
            #expect(model.layout.gateRange.contains(index), "parameter \(index) changed")
        }
        #expect(before != after)
    }

    @Test func lossesThatAreNoNumbersStopTheTrainingAndKeepTheCheckpoint() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("out")
        let trainer = try Trainer(recipe: try Self.recipe(folder), output: output, threads: 1)
        try trainer.save()
        trainer.model.parameters.base[trainer.model.layout.finalNorm] = .nan
        do throws(OuroError) {
            _ = try trainer.run(stop: { false }, report: { _ in })
            Issue.record("the training went on")
        } catch {
            #expect(error.code == .nonFinite && error.field == "step 1", "\(error)")
        }
        #expect(CheckpointFolder(output).files.count == 1)
    }

    @Test func aFolderWithATrainingIsNotOverwritten() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let recipe = try Self.recipe(folder)
        let output = folder.appendingPathComponent("out")
        #expect(throws: OuroError.self, "nothing to resume") {
            _ = try Trainer(recipe: recipe, output: output, threads: 1, resumes: true)
        }
        try Trainer(recipe: recipe, output: output, threads: 1).save()
        #expect(throws: OuroError.self) { try Trainer(recipe: recipe, output: output, threads: 1) }
        let other = try Self.recipe(folder) { $0.replacingOccurrences(of: "steps: 6", with: "steps: 7") }
        #expect(throws: OuroError.self, "another recipe") {
            try Trainer(recipe: other, output: output, threads: 1, resumes: true)
        }
    }

    @Test func dataOutsideTheVocabularyIsAnError() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let recipe = try Self.recipe(folder) { $0.replacingOccurrences(of: "vocab_size: 256", with: "vocab_size: 99") }
        let trainer = try Trainer(recipe: recipe, output: folder.appendingPathComponent("out"), threads: 1)
        #expect(throws: OuroError.self) { try trainer.run(stop: { false }, report: { _ in }) }
    }

    @Test func aCheckpointComesBackByteForByte() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let harness = try TrainingHarness("train_c_gqa_seed1")
        let output = folder.appendingPathComponent("model")
        try ModelExport(model: harness.model, elementType: .f32, tokenizer: nil)
            .write(to: output, configuration: harness.model.configuration)
        let original = try Checkpoint(folder: TrainingFixtures.url("train_c_gqa_seed1"))
        let copy = try Checkpoint(folder: output)
        #expect(Set(copy.tensors.keys) == Set(original.tensors.keys))
        for name in original.tensors.keys {
            #expect(try copy.bytes(of: name).0.elementsEqual(original.bytes(of: name).0), "\(name)")
        }
        #expect(
            try ModelConfiguration(contentsOf: output.appendingPathComponent("config.json")).headCount
                == harness.model.configuration.headCount)
    }

    @Test func upcyclingRepeatsTheBlock() throws {
        let harness = try TrainingHarness("train_a_mha_seed1")
        var configuration = harness.model.configuration
        configuration.layerCount = 4
        configuration.slidingWindows = Array(repeating: nil, count: 4)
        let larger = TrainableModel(configuration, compute: harness.model.compute)
        larger.upcycle(from: harness.model)
        for (new, old) in [(0, 0), (1, 1), (2, 0), (3, 1)] {
            let a = try #require(larger.layout.tensor("model.layers.\(new).mlp.down_proj.weight"))
            let b = try #require(harness.model.layout.tensor("model.layers.\(old).mlp.down_proj.weight"))
            #expect(larger.parameters.values(a.range) == harness.model.parameters.values(b.range))
        }
    }
}
