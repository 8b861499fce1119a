import Foundation
import Testing

@testable import Ouro

/// Tests which adapters are read and which are refused.
@Suite struct AdapterTests {
    private static let weight = "model.layers.0.self_attn.q_proj.weight"

    /// Writes an adapter, changes its files, and reads it.
    private static func read(
        rank: Int = 2, configuration change: (inout [String: Any]) -> Void = { _ in },
        tensors: [(name: String, shape: [Int])]? = nil
    ) throws -> Adapter {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Adapter.write(
            to: folder, rank: rank, alpha: 8, targets: ["q_proj"], base: "base",
            factors: [
                weight: .init(
                    a: (0..<3 * rank).map(Float.init), b: (0..<4 * rank).map { Float($0) / 2 }, inputs: 3, outputs: 4)
            ])
        let file = folder.appendingPathComponent("adapter_config.json")
        var object = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        change(&object)
        try JSONSerialization.data(withJSONObject: object).write(to: file)
        if let tensors {
            let writer = try SafetensorsWriter(
                to: folder.appendingPathComponent("adapter_model.safetensors"),
                tensors: tensors.map { TensorDeclaration(name: $0.name, elementType: .f32, shape: $0.shape) })
            for tensor in tensors {
                let zeros = [Float](repeating: 0, count: tensor.shape.reduce(1, *))
                try zeros.withUnsafeBytes { try writer.write(tensor.name, $0) }
            }
            try writer.finish()
        }
        return try Adapter(contentsOf: folder)
    }

    @Test func whatIsWrittenIsRead() throws {
        let adapter = try Self.read()
        #expect(adapter.rank == 2 && adapter.scale == 4)
        let factors = try #require(adapter.factors[Self.weight])
        #expect(factors.a == [0, 1, 2, 3, 4, 5] && factors.inputs == 3 && factors.outputs == 4)
    }

    @Test func anAdapterOfPEFTsMergesToTheWeightsThatPEFTMerges() throws {
        let adapter = try Adapter(contentsOf: Fixtures.url("peft"))
        #expect(adapter.rank == 2 && adapter.scale == 1.5 && adapter.factors.count == 14)
        let base = try Checkpoint(folder: Fixtures.url("c_gqa_headdim24_seed1"))
        let merged = try base.merging(adapter, kernels: try Kernels.select(nil))
        let golden = try SafetensorsFile(contentsOf: Fixtures.url("peft/merged.safetensors"))
        #expect(golden.tensors.count == 2)
        for name in golden.tensors.keys {
            let expected = try golden.floats(name)
            let found = Array(try merged.bytes(of: name).0.bindMemory(to: Float.self))
            let before = Array(try base.bytes(of: name).0.bindMemory(to: Float.self))
            let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
            let change = zip(before, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(difference < 1e-6 && change > 0.1, "\(name) is off by \(difference), PEFT changed it by \(change)")
        }
    }

    @Test func stabilisedScalesDivideByTheRoot() throws {
        let adapter = try Self.read(rank: 4, configuration: { $0["use_rslora"] = true })
        #expect(adapter.scale == 4)
    }

    @Test func theProductIsAdded() throws {
        let adapter = try Self.read()
        let factors = try #require(adapter.factors[Self.weight])
        let sum = FloatRows(rows: 4, columns: 3)
        for row in 0..<4 { for column in 0..<3 { sum.row(row)[column] = Float(row + column) } }
        adapter.addProduct(factors, to: sum, kernels: try Kernels.select(nil))
        for row in 0..<4 {
            for column in 0..<3 {
                var expected = Double(row + column)
                for index in 0..<2 {
                    expected += 4 * Double(factors.b[row * 2 + index]) * Double(factors.a[index * 3 + column])
                }
                #expect(Double(sum.row(row)[column]) == expected, "row \(row), column \(column)")
            }
        }
    }

    @Test(arguments: [
        "peft_type", "r", "lora_alpha", "use_dora", "fan_in_fan_out", "bias", "modules_to_save", "rank_pattern",
        "alpha_pattern", "alora_invocation_tokens", "init_lora_weights",
    ]) func unknownKindsAreRefused(field: String) {
        let values: [String: Any] = [
            "peft_type": "IA3", "r": 0, "lora_alpha": 1e9, "use_dora": true, "fan_in_fan_out": true, "bias": "all",
            "modules_to_save": ["lm_head"], "rank_pattern": ["q_proj": 4], "alpha_pattern": ["q_proj": 4.0],
            "alora_invocation_tokens": [1], "init_lora_weights": "pissa_niter_4",
        ]
        do {
            _ = try Self.read(configuration: { $0[field] = values[field] })
            Issue.record("\(field) was taken")
        } catch {
            #expect((error as? OuroError)?.field == field, "\(error)")
        }
    }

    private static let (a, b) = (
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"
    )

    @Test(arguments: [
        [], [(a, [2, 3])], [(b, [4, 2])], [(a, [3, 3]), (b, [4, 2])], [(a, [2, 3]), (b, [4, 3])],
        [(a, [6]), (b, [4, 2])], [(a, [2, 3]), (b, [4, 2]), ("base_model.model.lm_head.lora_A.weight", [2, 3])],
    ]) func factorsThatDoNotFitAreRefused(tensors: [(String, [Int])]) {
        #expect(throws: OuroError.self) {
            try Self.read(tensors: tensors.map { (name: $0.0, shape: $0.1) })
        }
    }
}
