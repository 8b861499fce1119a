import Foundation
import OuroKernels
import Testing

@testable import Ouro
@testable import OuroQuantisation

/// Tests that quantised weights equal those of MLX bit for bit, and that checkpoints of MLX are read.
@Suite struct QuantisationGoldenTests {
    static let kernels = Kernels.available[0]

    /// The bytes of a tensor.
    private static func bytes(_ file: SafetensorsFile, _ name: String) throws -> [UInt8] {
        try Array(file.bytes(of: #require(file.tensors[name], "\(name) is missing")))
    }

    /// Rounds `weight` of a golden case. The parts are the bytes of codes, scales and biases.
    private static func round(
        _ file: SafetensorsFile, _ weight: String, setting: QuantisationSetting
    ) throws -> (matrix: QuantisedMatrix, parts: [[UInt8]]) {
        let info = try #require(file.tensors[weight])
        let bytes = try file.bytes(of: info)
        let source = WeightSource(
            storage: .values(try #require(bytes.baseAddress), try #require(info.elementType.kernelElement)),
            rows: info.shape[0], columns: info.shape[1])
        let matrix = try QuantisedMatrix(
            rounding: source, setting: setting, scaleType: info.elementType, kernels: kernels,
            pool: WorkerPool(threadCount: 2))
        return (matrix, matrix.tensors(named: "x.weight").map { Array($0.1) })
    }

    @Test(arguments: [4, 8], [32, 64, 128])
    func plainRoundingIsThatOfMLX(bits: Int, groupSize: Int) throws {
        let file = try SafetensorsFile(contentsOf: Fixtures.url("mlx/quantize_golden.safetensors"))
        let prefix = "b\(bits)_g\(groupSize)."
        let (matrix, parts) = try Self.round(
            file, prefix + "weight", setting: QuantisationSetting(bits: bits, groupSize: groupSize))
        for (name, found) in zip(["packed", "scales", "biases"], parts) {
            #expect(found == (try Self.bytes(file, prefix + name)), "\(name)")
        }
        let expected = try file.floats(prefix + "dequantized")
        let row = FloatRows(rows: 1, columns: matrix.inputs)
        for index in 0..<matrix.outputs {
            matrix.source.write(row: index, to: row.row(0), kernels: Self.kernels)
            expectClose(
                row.values(0), expected[(index * matrix.inputs)..<((index + 1) * matrix.inputs)], absolute: 1e-7,
                relative: 1e-6, "dequantised, row \(index)")
        }
    }

    @Test(arguments: ["f32", "f16", "bf16"], [4, 8])
    func roundingOfEveryTypeAndSpecialRowsIsThatOfMLX(type: String, bits: Int) throws {
        let file = try SafetensorsFile(contentsOf: Fixtures.url("mlx/quantize_types.safetensors"))
        let prefix = "\(type)_b\(bits)."
        let (_, parts) = try Self.round(
            file, prefix + "weight", setting: QuantisationSetting(bits: bits, groupSize: 32))
        for (name, found) in zip(["packed", "scales", "biases"], parts) {
            #expect(found == (try Self.bytes(file, prefix + name)), "\(name)")
        }
    }

    /// The expected model is fixture a, quantised by MLX with the same defaults.
    @Test func aWholeModelIsThatOfMLX() throws {
        let folder = try CheckpointFolder()
        let quantiser = try Quantiser(
            modelAt: Fixtures.url("a_base_mha_fp32_seed1"), options: QuantisationOptions(bits: 4, groupSize: 32))
        try quantiser.write(to: folder.url)
        let found = try SafetensorsFile(contentsOf: folder.file("model.safetensors"))
        let golden = try SafetensorsFile(contentsOf: Fixtures.url("mlx/ouro_4bit_g32/model.safetensors"))
        #expect(found.tensors.keys.sorted() == golden.tensors.keys.sorted())
        for (name, info) in golden.tensors {
            #expect(found.tensors[name]?.shape == info.shape && found.tensors[name]?.elementType == info.elementType)
            #expect(try Self.bytes(found, name) == Self.bytes(golden, name), "\(name)")
        }
        let written = try ModelConfiguration(contentsOf: folder.file("config.json"))
        var expected = try ModelConfiguration(contentsOf: Fixtures.url("mlx/ouro_4bit_g32/config.json"))
        expected.quantisation?.exceptions["model.early_exit_gate"] = .unquantised
        #expect(written == expected)
    }

    /// Compares every loop with the reference code, which ran on the dequantised weights.
    private func compare(_ harness: ModelHarness, absolute: Float, relative: Float) throws {
        let golden = try Golden("mlx/ouro_4bit_g32")
        let tokens = try Golden("a_base_mha_fp32_seed1").ints("input_ids")
        let logits = try golden.floats("logits_step")
        let gates = try golden.floats("gate_logits")
        let count = tokens.count * harness.configuration.vocabularySize
        try harness.prefill(tokens) { loop, outcomes, _, found in
            expectClose(
                found.flatMap { $0 }, logits[((loop - 1) * count)..<(loop * count)], absolute: absolute,
                relative: relative, "logits, loop \(loop)")
            expectClose(
                outcomes.map(\.gateLogit), gates[((loop - 1) * tokens.count)..<(loop * tokens.count)],
                absolute: absolute, relative: relative, "gate, loop \(loop)")
        }
    }

    @Test func aCheckpointOfMLXIsReadExactly() throws {
        let source = Fixtures.url("mlx/ouro_4bit_g32")
        var configuration = try ModelConfiguration(contentsOf: source.appendingPathComponent("config.json"))
        let checkpoint = try Checkpoint(folder: source)
        try checkpoint.validate(for: configuration)
        let folder = try CheckpointFolder()
        let tensors = configuration.expectedTensors
        let writer = try CheckpointWriter(
            folder: folder.url,
            tensors: tensors.map { TensorDeclaration(name: $0.name, elementType: .f32, shape: $0.shape) })
        for (name, shape) in tensors {
            let weight = try checkpoint.source(of: name, configuration)
            #expect(weight.rows * weight.columns == shape.reduce(1, *), "\(name)")
            var values = [Float](repeating: 0, count: weight.rows * weight.columns)
            try values.withUnsafeMutableBufferPointer { values in
                let base = try #require(values.baseAddress)
                for row in 0..<weight.rows {
                    weight.write(row: row, to: base + row * weight.columns, kernels: Self.kernels)
                }
                try writer.write(name, UnsafeRawBufferPointer(values))
            }
        }
        try writer.finish()
        configuration.quantisation = nil
        try folder.write("config.json", configuration.encoded())
        try compare(ModelHarness("", in: folder.url), absolute: 1e-4, relative: 1e-4)
    }

    /// Products with quantised weights round their inputs to 8 bits, with one scale per group. Nothing else differs.
    ///
    /// The fixture's weights are random, so errors grow more than in a trained model.
    @Test(arguments: Kernels.available.map(\.name))
    func aCheckpointOfMLXRunsWithInputsOf8Bits(variant: String) throws {
        let harness = try ModelHarness("mlx/ouro_4bit_g32", threads: 2, kernels: Kernels.select(variant))
        let tokens = try Golden("a_base_mha_fp32_seed1").ints("input_ids")
        let logits = try Golden("mlx/ouro_4bit_g32").floats("logits_step")
        let count = tokens.count * harness.configuration.vocabularySize
        try harness.prefill(tokens) { loop, _, _, found in
            let expected = logits[((loop - 1) * count)..<(loop * count)]
            let error = zip(found.joined(), expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            let size = expected.reduce(0) { $0 + $1 * $1 }
            let relative = (error / size).squareRoot()
            #expect(relative < 0.03 + 0.015 * Float(loop - 1), "loop \(loop): relative error \(relative)")
        }
    }
}

@Suite struct ElementRoundingTests {
    private static func store(_ value: Float, _ element: ouro_element) -> UInt16 {
        var bits: UInt16 = 0
        withUnsafeMutableBytes(of: &bits) { ElementRounding.store(value, as: element, to: $0.baseAddress!) }
        return bits
    }

    @Test func everyHalfComesBack() {
        for bits in UInt16.min ... .max where bits & 0x7FFF <= 0x7C00 {
            var value: Float = 0
            withUnsafeBytes(of: bits) {
                Kernels.available[0].table.widen(OURO_F16, $0.baseAddress!, 1, &value)
            }
            let found = Self.store(value, OURO_F16)
            if found != bits || ElementRounding.rounded(value, to: OURO_F16) != value {
                Issue.record("\(value): \(found), expected \(bits)")
                return
            }
        }
    }

    @Test func halvesAreRoundedToNearestAndEven() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<20_000 {
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            // The second value has at most one bit to round off in the normal range, so ties occur.
            for value in [value, Float(bitPattern: value.bitPattern & 0xFFFF_F000)] where value.isFinite {
                let (found, expected) = (Self.store(value, OURO_F16), Float16(value).bitPattern)
                if found != expected { Issue.record("\(value): \(found), expected \(expected)") }
            }
        }
        #expect(Self.store(65_520, OURO_F16) == 0x7C00, "halfway beyond the largest")
    }

    @Test func brainFloatsAreRoundedToNearestAndEven() {
        #expect(Self.store(Float(bitPattern: 0x3F80_8000), OURO_BF16) == 0x3F80, "a tie goes to even")
        #expect(Self.store(Float(bitPattern: 0x3F81_8000), OURO_BF16) == 0x3F82, "a tie goes to even")
        #expect(Self.store(Float(bitPattern: 0x3F80_8001), OURO_BF16) == 0x3F81)
        #expect(Self.store(-Float(bitPattern: 0x3F80_7FFF), OURO_BF16) == 0xBF80)
    }
}
