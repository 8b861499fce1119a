import Foundation
import Testing

@testable import Ouro

/// Tests how the engine checks, cancels, queues and isolates requests, and how exit policies choose their loop.
@Suite struct EngineTests {
    static let model = Fixtures.url("a_base_mha_fp32_seed1")

    @Test func requestsThatMakeNoSenseAreRefusedUpFront() throws {
        let engine = try Engine(modelAt: Self.model)
        func error(_ change: (inout GenerationRequest) -> Void) -> OuroError? {
            var request = GenerationRequest(.tokens([1, 2]), maxTokens: 2)
            change(&request)
            do throws(OuroError) {
                _ = try engine.generate(request)
                return nil
            } catch {
                return error
            }
        }
        #expect(error { $0.prompt = .tokens([]) }?.field == "prompt")
        #expect(error { $0.prompt = .tokens([256]) }?.field == "prompt")
        #expect(error { $0.prompt = .tokens([-1]) }?.field == "prompt")
        #expect(error { $0.prompt = .text("no tokenizer here") }?.file == "tokenizer.json")
        #expect(error { $0.prompt = .tokens(Array(repeating: 1, count: 65_536)) }?.code == .contextExceeded)
        #expect(error { $0.maxTokens = 0 }?.field == "max_tokens")
        #expect(error { $0.loops = 0 }?.field == "loops")
        #expect(error { $0.loops = 65 }?.field == "loops")
        #expect(error { $0.exit = .fixed(loop: 0) }?.field == "exit_at")
        #expect(error { $0.exit = .threshold(.nan) }?.field == "exit_threshold")
        #expect(error { $0.exit = .hiddenChange(below: -1) }?.field == "exit_change")
        #expect(error { $0.stopTokens = [300] }?.field == "stop_tokens")
        #expect(error { $0.stop = ["x"] }?.file == "tokenizer.json")
        #expect(error { $0.sampling = SamplingParameters(temperature: .nan) }?.field == "temperature")
        #expect(error { $0.maxTokens = .max } == nil, "the context bounds it")
    }

    @Test func optionsThatMakeNoSenseAreRefused() {
        for (options, field) in [
            (EngineOptions(threads: 0), "threads"), (EngineOptions(threads: -3), "threads"),
            (EngineOptions(prefillChunk: 0), "prefillChunk"), (EngineOptions(rowsPerPass: 0), "rowsPerPass"),
            (EngineOptions(cacheMemory: -1), "cacheMemory"),
        ] {
            let error = #expect(throws: OuroError.self) { try Engine(modelAt: Self.model, options: options) }
            #expect(error?.field == field)
        }
    }

    @Test func leavingTheIterationStopsTheWork() async throws {
        let engine = try Engine(modelAt: Self.model)
        var count = 0
        for try await _ in try engine.generate(
            GenerationRequest(.tokens([1, 2, 3]), maxTokens: 60_000, ignoresEndOfText: true))
        {
            count += 1
            if count == 3 { break }
        }
        #expect(await engine.becomesIdle(), "cache and row states after leaving")
    }

    @Test func cancellingTheTaskStopsTheWork() async throws {
        let engine = try Engine(modelAt: Self.model)
        let (isGenerating, isScoring) = (Event(), Event())
        let generation = Task {
            var count = 0
            for try await _ in try engine.generate(
                GenerationRequest(.tokens([1, 2, 3]), maxTokens: 60_000, ignoresEndOfText: true))
            {
                count += 1
                isGenerating.happened()
            }
            return count
        }
        let scoring = Task {
            try await engine.score(.tokens(Array(repeating: 5, count: 60_000))) { _ in isScoring.happened() }
        }
        await isGenerating.wait()
        await isScoring.wait()
        generation.cancel()
        scoring.cancel()
        await #expect(throws: CancellationError.self) { try await scoring.value }
        #expect(try await generation.value < 60_000)
        #expect(await engine.becomesIdle(), "cache and row states after cancelling")
    }

    @Test func aRequestTooLargeForTheBudgetIsRefusedWithNumbers() async throws {
        // A block of this model (16 positions, one loop, two layers of 64) takes 16 KiB in f32.
        let engine = try Engine(modelAt: Self.model, options: EngineOptions(cacheMemory: 64 << 10))
        let small = try engine.generate(GenerationRequest(.tokens([1]), maxTokens: 15, ignoresEndOfText: true))
        var count = 0
        for try await _ in small { count += 1 }
        #expect(count == 15)
        let error = await #expect(throws: OuroError.self) {
            for try await _ in try engine.generate(GenerationRequest(.tokens([1]), maxTokens: 16)) {}
        }
        #expect(error?.code == .memoryExceeded)
        #expect(error?.message.contains("budget") == true)
    }

    @Test func passesBeyondTheMemoryAreRefusedWithNumbers() throws {
        let configuration = try ModelConfiguration(contentsOf: Self.model.appendingPathComponent("config.json"))
        let options = EngineOptions(prefillChunk: 65_536)
        try options.checkMemory(configuration, available: 1 << 40)
        let error = #expect(throws: OuroError.self) {
            try options.checkMemory(configuration, available: 1 << 20)
        }
        #expect(error?.code == .memoryExceeded && error?.field == "prefillChunk")
        #expect(error?.message.contains("65536 rows") == true && error?.message.contains("1 MiB") == true)
    }

    @Test func requestsWaitForRoomInTheCache() async throws {
        let engine = try Engine(modelAt: Self.model, options: EngineOptions(cacheMemory: 64 << 10))
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<6 {
                group.addTask {
                    var count = 0
                    let request = GenerationRequest(.tokens([index + 1]), maxTokens: 10, ignoresEndOfText: true)
                    for try await _ in try engine.generate(request) { count += 1 }
                    return count
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == Array(repeating: 10, count: 6))
    }

    @Test func damagedWeightsFailTheirRequestOnly() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let config = folder.appendingPathComponent("config.json")
        try FileManager.default.copyItem(at: Self.model.appendingPathComponent("config.json"), to: config)
        // The embedding of token 7 becomes NaN. All other tokens stay valid.
        var data = try Data(contentsOf: Self.model.appendingPathComponent("model.safetensors"))
        let info = try #require(
            try SafetensorsFile(contentsOf: Self.model.appendingPathComponent("model.safetensors"))
                .tensors["model.embed_tokens.weight"])
        let header = 8 + data.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        let start = header + info.byteRange.lowerBound + 7 * 64 * 4
        data.replaceSubrange(start..<(start + 64 * 4), with: Data(repeating: 0xff, count: 64 * 4))
        try data.write(to: folder.appendingPathComponent("model.safetensors"))

        let engine = try Engine(modelAt: folder)
        let sound = try engine.generate(GenerationRequest(.tokens([1, 2]), maxTokens: 20, ignoresEndOfText: true))
        let error = await #expect(throws: OuroError.self) {
            for try await _ in try engine.generate(GenerationRequest(.tokens([1, 7]), maxTokens: 20)) {}
        }
        #expect(error?.code == .nonFinite)
        await #expect(throws: OuroError.self) { try await engine.score(.tokens([7, 1])) }
        let found = try await sound.reduce(into: []) { $0.append($1.id) }
        let undamaged = try Engine(modelAt: Self.model)
        let expected = try await undamaged.generate(
            GenerationRequest(.tokens([1, 2]), maxTokens: 20, ignoresEndOfText: true)
        ).reduce(into: []) { $0.append($1.id) }
        #expect(found == expected)
        #expect(await engine.becomesIdle())
    }

    @Test func keysAndValuesAreStoredByWhatTheyCost() throws {
        var small = try ModelConfiguration(contentsOf: Self.model.appendingPathComponent("config.json"))
        #expect(KVType.default(for: small) == .f32, "the whole context takes 256 MiB")
        var published = try ModelConfiguration(contentsOf: Fixtures.url("ouro-1.4b-config.json"))
        #expect(KVType.default(for: published) == .bf16)
        let quantised = try ModelConfiguration(contentsOf: Fixtures.url("mlx/ouro_4bit_g32/config.json")).quantisation
        #expect(quantised != nil)
        published.quantisation = quantised
        #expect(KVType.default(for: published) == .q8)
        small.quantisation = quantised
        #expect(KVType.default(for: small) == .f32)
        #expect(published.keyValueBytes(positions: 1024, type: .bf16) == 1024 * 24 * 2 * 2048 * 4 * 2)
    }

    @Test func exitPoliciesChooseTheirLoop() async throws {
        let engine = try Engine(modelAt: Self.model)
        func exits(_ policy: ExitPolicy, loops: Int? = nil) async throws -> [Int] {
            var request = GenerationRequest(.tokens([5, 6, 7]), maxTokens: 8, ignoresEndOfText: true)
            (request.exit, request.loops) = (policy, loops)
            return try await engine.generate(request).reduce(into: []) { $0.append($1.exitLoop) }
        }
        #expect(try await exits(.allLoops) == Array(repeating: 4, count: 8))
        #expect(try await exits(.fixed(loop: 3)) == Array(repeating: 3, count: 8))
        #expect(try await exits(.fixed(loop: 9)) == Array(repeating: 4, count: 8), "there are only four")
        #expect(try await exits(.weighted) == Array(repeating: 4, count: 8))
        #expect(try await exits(.threshold(0)) == Array(repeating: 1, count: 8))
        #expect(try await exits(.threshold(5)) == Array(repeating: 4, count: 8))
        #expect(try await exits(.hiddenChange(below: 100)) == Array(repeating: 2, count: 8))
        #expect(try await exits(.hiddenChange(below: 0)) == Array(repeating: 4, count: 8))
        #expect(try await exits(.allLoops, loops: 6) == Array(repeating: 6, count: 8))
    }

    @Test func aThresholdOfOneNeverLeavesEarly() {
        // In f32 the sigmoid of 20 rounds to 1, so the cumulative probability is 1 after one loop. Still all loops run.
        var tracker = ExitTracker(loops: 4, policy: .threshold(1))
        for _ in 0..<4 { tracker.advance(RowOutcome(gateLogit: 20, change: 0)) }
        #expect(tracker.exitLoop == 4)
        var eager = ExitTracker(loops: 4, policy: .threshold(0.999))
        eager.advance(RowOutcome(gateLogit: 20, change: 0))
        #expect(eager.exitLoop == 1)
    }

    @Test func weightedExitAgreesWithTheReference() async throws {
        let golden = try Golden("a_base_mha_fp32_seed1")
        let engine = try Engine(modelAt: Self.model)
        let tokens = try golden.ints("input_ids")
        let logits = try golden.floats("logits_weighted").suffix(256)
        let best = try #require(logits.indices.max { logits[$0] < logits[$1] }) - logits.startIndex
        var request = GenerationRequest(.tokens(tokens), maxTokens: 1)
        request.exit = .weighted
        let found = try await engine.generate(request).reduce(into: []) { $0.append($1) }
        #expect(found.map(\.id) == [best])
        let largest = logits.max() ?? 0
        let normaliser = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
        #expect(abs((found.first?.logProbability ?? 0) - (largest - normaliser)) < 1e-3)
    }

    @Test func overridingAModelOrARequestIsTheSame() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"))
        let shallow = try Engine(modelAt: Fixtures.url("code_lm")) {
            $0.loops = 3
            $0.exitThreshold = 0.8
        }
        var request = GenerationRequest("The future of AI is", maxTokens: 50)
        let first = try await shallow.generate(request).text()
        request.loops = 3
        request.exit = .threshold(0.8)
        #expect(try await engine.generate(request).text() == first)
        request.sampling = SamplingParameters(temperature: 0.7, topP: 0.95, seed: 1)
        #expect(try await engine.generate(request).text() != first)
    }
}
