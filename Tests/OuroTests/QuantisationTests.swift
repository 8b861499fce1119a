import Foundation
import OuroKernels
import Testing

@testable import Ouro
@testable import OuroQuantisation

/// Tests what calibrated rounding saves, that it resumes after an interruption, and which weights it quantises.
@Suite struct QuantisationTests {
    static let model = Fixtures.url("code_lm")

    /// The bytes of a folder of this package's sources. Bytes are the vocabulary of the trained fixture.
    private static func sources(_ folder: String) throws -> [Int] {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/\(folder)").standardizedFileURL
        let files = try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
        return try files.filter { $0.hasSuffix(".swift") }
            .flatMap { try Data(contentsOf: url.appendingPathComponent($0)).map { Int($0) } }
    }

    private static func options(
        bits: Int = 4, groupSize: Int = 64, calibrated: Bool, tokens: Int = 4096
    ) throws -> QuantisationOptions {
        QuantisationOptions(
            bits: bits, groupSize: groupSize, calibration: calibrated ? try sources("Jinja") : nil,
            calibrationTokens: tokens)
    }

    @Test(arguments: [32, 64])
    func calibrationSavesMostOfTheDivergence(groupSize: Int) throws {
        let heldOut = try Self.sources("Ouro/Decoding")
        func divergence(calibrated: Bool) throws -> Divergence {
            let folder = try CheckpointFolder()
            try Quantiser(
                modelAt: Self.model, options: Self.options(groupSize: groupSize, calibrated: calibrated)
            ).write(to: folder.url)
            return try Divergence.measure(
                .init(folder: folder.url), against: .init(folder: Self.model), tokens: heldOut, tokenLimit: 2048)
        }
        let (plain, calibrated) = (try divergence(calibrated: false), try divergence(calibrated: true))
        #expect(plain.positions == 2048 && calibrated.positions == 2048)
        for (before, after) in zip(plain.loops, calibrated.loops) {
            #expect(
                after.divergence <= 0.45 * before.divergence,
                "loop \(before.loop): \(after.divergence) nats, plain rounding has \(before.divergence)")
            #expect(after.agreement > before.agreement, "loop \(before.loop)")
        }
    }

    @Test func eightBitsCostLittleAndNothingCostsNothing() throws {
        let heldOut = Array(try Self.sources("Ouro/Decoding").prefix(700))
        let folder = try CheckpointFolder()
        try Quantiser(modelAt: Self.model, options: Self.options(bits: 8, calibrated: false)).write(to: folder.url)
        let eight = try Divergence.measure(
            .init(folder: folder.url), against: .init(folder: Self.model), tokens: heldOut)
        for loop in eight.loops {
            #expect(loop.divergence > 0 && loop.divergence < 2e-3, "loop \(loop.loop): \(loop.divergence)")
        }
        let none = try Divergence.measure(
            .init(folder: Self.model), against: .init(folder: Self.model), tokens: heldOut)
        for loop in none.loops {
            #expect(abs(loop.divergence) < 1e-7, "loop \(loop.loop): \(loop.divergence)")
            #expect(loop.agreement == 1 && loop.perplexity == loop.referencePerplexity)
        }
    }

    @Test func theDivergenceOfCachesIsSmallAndOrdered() throws {
        let tokens = Array(try Self.sources("Ouro/Decoding").prefix(600))
        func divergence(_ type: KVType) throws -> Double {
            let result = try Divergence.measure(
                .init(folder: Self.model, kvType: type), against: .init(folder: Self.model, kvType: .f32),
                tokens: tokens)
            return try #require(result.loops.last).divergence
        }
        let (exact, brain, eight) = (try divergence(.f32), try divergence(.bf16), try divergence(.q8))
        #expect(abs(exact) < 1e-7, "\(exact)")
        #expect(brain > 0 && brain < 1e-3, "\(brain)")
        #expect(eight > brain && eight < 5e-3, "\(eight), bf16 has \(brain)")
    }

    @Test func perplexityIsThatOfScoring() async throws {
        let tokens = Array(try Self.sources("Ouro/Decoding").prefix(300))
        let result = try Divergence.measure(
            .init(folder: Self.model), against: .init(folder: Self.model), tokens: tokens)
        let scored = try await Engine(modelAt: Self.model).score(.tokens(tokens)).compactMap(\.logProbabilities)
        for loop in result.loops {
            let mean = scored.reduce(0.0) { $0 + Double($1[loop.loop - 1]) } / Double(scored.count)
            #expect(abs(loop.perplexity / exp(-mean) - 1) < 1e-4, "loop \(loop.loop): \(loop.perplexity)")
        }
    }

    /// The bytes of a folder's weights file.
    private static func weights(_ folder: URL) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent("model.safetensors"))
    }

    @Test func anInterruptedCalibrationGoesOnWhereItWas() async throws {
        var options = try Self.options(calibrated: true, tokens: 512)
        options.threads = 1
        let whole = try CheckpointFolder()
        try Quantiser(modelAt: Self.model, options: options).write(to: whole.url)

        let output = try CheckpointFolder()
        options.threads = 2
        let quantiser = try Quantiser(modelAt: Self.model, options: options)
        // The task is cancelled when the second layer begins.
        let url = output.url
        let interrupted = Task {
            try quantiser.write(to: url) { progress in
                if progress.stage == .calibrating(1..<2) { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }
        await #expect(throws: CancellationError.self) { try await interrupted.value }
        #expect(!FileManager.default.fileExists(atPath: output.file("model.safetensors").path))
        // A writer that was killed leaves such a file.
        try output.write(".model.safetensors.X.partial", "left behind")

        var stages: [Quantiser.Progress.Stage] = []
        try quantiser.write(to: output.url) { progress in
            if stages.last != progress.stage { stages.append(progress.stage) }
        }
        #expect(
            stages == [.resumed(layers: 1), .calibrating(0..<1), .calibrating(1..<2), .calibrating(2..<3), .writing])
        #expect(try Self.weights(output.url) == Self.weights(whole.url))
        let names = try FileManager.default.contentsOfDirectory(atPath: output.url.path).sorted()
        #expect(names == ["config.json", "model.safetensors", "tokenizer.json"])
    }

    @Test func anInterruptedRunWithOtherSettingsStartsAnew() async throws {
        let output = try CheckpointFolder()
        let first = try Quantiser(modelAt: Self.model, options: Self.options(calibrated: true, tokens: 256))
        let url = output.url
        let interrupted = Task {
            try first.write(to: url) { progress in
                if progress.stage == .calibrating(1..<2) { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }
        await #expect(throws: CancellationError.self) { try await interrupted.value }
        let other = try Quantiser(modelAt: Self.model, options: Self.options(groupSize: 32, calibrated: false))
        var stages: [Quantiser.Progress.Stage] = []
        try other.write(to: output.url) { stages.append($0.stage) }
        #expect(stages.first == .startedAnew)
        let plain = try CheckpointFolder()
        try other.write(to: plain.url)
        #expect(try Self.weights(output.url) == Self.weights(plain.url))
    }

    /// With groups of 128, most weights of this model cannot be quantised, because groups do not divide their rows.
    @Test func rowsThatAreNotWholeGroupsStayAsTheyAre() throws {
        let folder = try CheckpointFolder()
        let tokens = (0..<300).map { $0 * 7 % 256 }
        let quantiser = try Quantiser(
            modelAt: Self.model,
            options: QuantisationOptions(bits: 4, groupSize: 128, calibration: tokens, layersPerRun: 2))
        #expect(quantiser.skippedWeights.count == 3 * 6 + 2, "all but down_proj, whose inputs are 512")
        try quantiser.write(to: folder.url)
        let configuration = try ModelConfiguration(contentsOf: folder.file("config.json"))
        #expect(configuration.quantisation?.exceptions["lm_head"] == .unquantised)
        let checkpoint = try Checkpoint(folder: folder.url)
        #expect(checkpoint.tensors["model.layers.0.mlp.up_proj.weight"]?.elementType == .bf16)
        #expect(checkpoint.tensors["model.layers.0.mlp.down_proj.weight"]?.elementType == .u32)
        _ = try Engine(modelAt: folder.url)
    }

    @Test func theGateCanBeQuantised() throws {
        let folder = try CheckpointFolder()
        try Quantiser(
            modelAt: Self.model,
            options: QuantisationOptions(bits: 8, groupSize: 32, embeddingBits: nil, headBits: 4, gateBits: 8)
        ).write(to: folder.url)
        let checkpoint = try Checkpoint(folder: folder.url)
        #expect(checkpoint.tensors["model.early_exit_gate.scales"]?.shape == [1, 6])
        #expect(checkpoint.tensors["model.embed_tokens.scales"] == nil)
        #expect(checkpoint.tensors["lm_head.weight"]?.shape == [256, 24])
        let (before, after) = (try ModelHarness("code_lm"), try ModelHarness("", in: folder.url))
        var gates: [Float] = []
        try before.prefill([65, 66, 67]) { _, outcomes, _, _ in gates += outcomes.map(\.gateLogit) }
        var found: [Float] = []
        try after.prefill([65, 66, 67]) { _, outcomes, _, _ in found += outcomes.map(\.gateLogit) }
        expectClose(found, gates[...], absolute: 0.1, relative: 0.05, "gates")
    }
}

/// Tests the algebra of calibrated rounding in double precision.
@Suite struct ErrorFeedbackTests {
    private static let kernels = Kernels.available[0]
    private static let pool = WorkerPool(threadCount: 2)

    /// Correlated random inputs and their second moments.
    private static func inputs(
        _ count: Int, rows: Int, _ random: inout SeededRandom
    ) -> (x: FloatRows, moments: SecondMoments) {
        let x = FloatRows(rows: rows, columns: count)
        for row in 0..<rows {
            let common = Float.random(in: -1...1, using: &random)
            for index in 0..<count {
                x.row(row)[index] = (Float.random(in: -1...1, using: &random) + common) * Float(1 + index % 5)
            }
        }
        let moments = SecondMoments(inputs: count)
        moments.add(x, rows: rows, kernels: kernels, pool: pool)
        return (x, moments)
    }

    @Test func momentsAreSumsOverRows() {
        var random = SeededRandom(seed: 11)
        let (x, moments) = Self.inputs(70, rows: 40, &random)
        for i in 0..<70 {
            let expected = (0..<70).map { j in
                Float((0..<40).reduce(0.0) { $0 + Double(x.row($1)[i]) * Double(x.row($1)[j]) })
            }
            expectClose((0..<70).map { moments.value(i, $0) }, expected[...], absolute: 1e-4, "row \(i)")
        }
    }

    /// One size has more inputs than a block, and more inputs than samples. The moments alone are singular then.
    @Test(arguments: [(64, 200), (192, 100), (160, 500)])
    func errorsOfTheOutputsAreSmallerThanWithPlainRounding(size: (Int, Int)) throws {
        var random = SeededRandom(seed: 13)
        let (inputs, rows) = size
        let (x, moments) = Self.inputs(inputs, rows: rows, &random)
        let weights = FloatRows(rows: 1, columns: 40 * inputs)
        for index in 0..<40 * inputs { weights.row(0)[index] = Float.random(in: -1...1, using: &random) }
        let source = WeightSource(storage: .values(weights.row(0), OURO_F32), rows: 40, columns: inputs)
        let setting = QuantisationSetting(bits: 4, groupSize: 32)
        let plain = try QuantisedMatrix(
            rounding: source, setting: setting, scaleType: .bf16, kernels: Self.kernels, pool: Self.pool)
        let target = try QuantisedMatrix(
            gridsOf: source, setting: setting, scaleType: .bf16, kernels: Self.kernels, pool: Self.pool)
        let feedback = ErrorFeedback(moments, kernels: Self.kernels, pool: Self.pool)
        #expect(feedback.order.sorted() == Array(0..<inputs))
        feedback.round(source, into: target, kernels: Self.kernels, pool: Self.pool)

        func error(_ matrix: QuantisedMatrix) -> Double {
            let row = FloatRows(rows: 1, columns: inputs)
            var sum = 0.0
            for output in 0..<40 {
                matrix.source.write(row: output, to: row.row(0), kernels: Self.kernels)
                let errors = (0..<inputs).map { Double(weights.row(0)[output * inputs + $0] - row.row(0)[$0]) }
                for sample in 0..<rows {
                    let difference = (0..<inputs).reduce(0.0) { $0 + errors[$1] * Double(x.row(sample)[$1]) }
                    sum += difference * difference
                }
            }
            return sum
        }
        #expect(error(target) < 0.6 * error(plain), "\(error(target)), plain rounding has \(error(plain))")
        #expect(
            target.grid(row: 3, group: 1, kernels: Self.kernels) == plain.grid(row: 3, group: 1, kernels: Self.kernels))
    }

    @Test func inputsNeverSeenAreRoundedPlainly() throws {
        let weights = FloatRows(rows: 1, columns: 3 * 64)
        for index in 0..<3 * 64 { weights.row(0)[index] = Float(index * 37 % 100) / 100 - 0.4 }
        let source = WeightSource(storage: .values(weights.row(0), OURO_F32), rows: 3, columns: 64)
        let setting = QuantisationSetting(bits: 4, groupSize: 64)
        func bytes(_ matrix: QuantisedMatrix) -> [[UInt8]] { matrix.tensors(named: "x").map { Array($0.1) } }
        let plain = try QuantisedMatrix(
            rounding: source, setting: setting, scaleType: .f32, kernels: Self.kernels, pool: Self.pool)
        let target = try QuantisedMatrix(
            gridsOf: source, setting: setting, scaleType: .f32, kernels: Self.kernels, pool: Self.pool)
        ErrorFeedback(SecondMoments(inputs: 64), kernels: Self.kernels, pool: Self.pool)
            .round(source, into: target, kernels: Self.kernels, pool: Self.pool)
        #expect(bytes(target) == bytes(plain))
    }
}
