import Foundation
import Testing

@testable import Ouro
@testable import OuroTraining

/// Tests duplicating the layers of a model on disk.
@Suite struct UpcyclingTests {
    private static func output() -> URL {
        FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    }

    @Test func everyLayerIsACopyByteForByte() throws {
        let (source, output) = (TrainingFixtures.url("train_c_gqa_seed1"), Self.output())
        defer { try? FileManager.default.removeItem(at: output) }
        let small = try ModelConfiguration(contentsOf: source.appendingPathComponent("config.json"))
        try Upcycling.write(model: source, layers: 3 * small.layerCount, to: output)
        let large = try ModelConfiguration(contentsOf: output.appendingPathComponent("config.json"))
        #expect(large.layerCount == 3 * small.layerCount && large.hiddenSize == small.hiddenSize)
        let (from, to) = (try Checkpoint(folder: source), try Checkpoint(folder: output))
        try to.validate(for: large)
        for layer in 0..<large.layerCount {
            for part in ["self_attn.q_proj", "mlp.down_proj", "input_layernorm_2"] {
                let copy = try to.bytes(of: "model.layers.\(layer).\(part).weight").0
                let original = try from.bytes(of: "model.layers.\(layer % small.layerCount).\(part).weight").0
                #expect(copy.elementsEqual(original), "layer \(layer), \(part)")
            }
        }
        #expect(try to.bytes(of: "model.norm.weight").0.elementsEqual(from.bytes(of: "model.norm.weight").0))
    }

    @Test func onlyMultiplesAboveTheModelsOwnNumber() throws {
        let source = TrainingFixtures.url("train_c_gqa_seed1")
        let count = try ModelConfiguration(contentsOf: source.appendingPathComponent("config.json")).layerCount
        for layers in [0, 1, -2, count, 2 * count + 1, 5000 * count] {
            let output = Self.output()
            #expect(throws: OuroError.self, "\(layers)") {
                try Upcycling.write(model: source, layers: layers, to: output)
            }
            #expect(!FileManager.default.fileExists(atPath: output.path))
        }
    }

    @Test func aFolderWithSomethingInItStaysAsItIs() throws {
        let (source, output) = (TrainingFixtures.url("train_c_gqa_seed1"), Self.output())
        defer { try? FileManager.default.removeItem(at: output) }
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: output.appendingPathComponent("note.txt"))
        #expect(throws: OuroError.self) { try Upcycling.write(model: source, layers: 4, to: output) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: output.path) == ["note.txt"])
    }
}
