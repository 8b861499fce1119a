import Foundation
import Testing

@testable import Ouro
@testable import OuroQuantisation

/// Tests the policies for keys and values, and that their results depend on the request alone.
@Suite struct KVPolicyTests {
    private static let shortened = KVPolicy.allCases.filter { $0 != .full }

    private struct Outcome: Equatable {
        var tokens: [Int] = []
        var logProbabilities: [UInt32] = []
        var exits: [Int] = []
        var statistics: GenerationStatistics?

        /// Whether tokens, log-probabilities and exit loops are equal. Statistics may differ.
        func says(_ other: Outcome) -> Bool {
            tokens == other.tokens && logProbabilities == other.logProbabilities && exits == other.exits
        }
    }

    private static func run(_ engine: Engine, _ request: GenerationRequest) async throws -> Outcome {
        var outcome = Outcome()
        for try await token in try engine.generate(request) {
            outcome.tokens.append(token.id)
            outcome.logProbabilities.append(token.logProbability.bitPattern)
            outcome.exits.append(token.exitLoop)
            outcome.statistics = token.statistics ?? outcome.statistics
        }
        return outcome
    }

    private static func prompt(_ count: Int, seed: Int = 0) -> [Int] { (0..<count).map { ($0 * 37 + 11 + seed) % 256 } }

    // MARK: results

    @Test(
        arguments: [KVPolicy.lastLoop, .averaged],
        [("a_base_mha_fp32_seed1", Float(1)), ("a_base_mha_fp32_seed1", 0.6), ("c_gqa_headdim24_seed1", 0.5)])
    func aSharedCacheIsThatOfBruteForce(policy: KVPolicy, model: (fixture: String, threshold: Float)) async throws {
        let folder = Fixtures.url(model.fixture)
        let prompt = Self.prompt(21)
        let engine = try Engine(modelAt: folder, options: EngineOptions(threads: 1, kvType: .f32))
        let request = GenerationRequest(
            .tokens(prompt), maxTokens: 20, exit: .threshold(model.threshold), ignoresEndOfText: true, kvPolicy: policy)
        let outcome = try await Self.run(engine, request)
        #expect(outcome.tokens.count == 20)
        let naive = try NaiveModel(folder)
        var expected = naive.prefill(prompt, policy)
        for (index, token) in outcome.tokens.enumerated() {
            if index > 0 {
                #expect(outcome.exits[index] == expected.exitLoop, "exit of token \(index)")
            }
            let found = Float(bitPattern: outcome.logProbabilities[index])
            let wanted = Float(expected.logProbabilities[outcome.exits[index] - 1][token])
            #expect(abs(found - wanted) < 2e-4, "token \(index): \(found), expected \(wanted)")
            expected = naive.decode(token, policy, threshold: Double(model.threshold))
        }
        if model.threshold < 1 {
            #expect(outcome.exits.contains { $0 < 4 }, "no token left early, so exits were not tested")
        }
    }

    @Test(arguments: shortened) func tokensAreScoredAsTheyAreGenerated(policy: KVPolicy) async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1))
        let prompt = Self.prompt(40)
        for exit in [ExitPolicy.allLoops, .threshold(0.7)] {
            let outcome = try await Self.run(
                engine,
                GenerationRequest(
                    .tokens(prompt), maxTokens: 40, exit: exit, ignoresEndOfText: true, kvPolicy: policy))
            let scores = try await engine.score(
                ScoringRequest(
                    .tokens(prompt + outcome.tokens), exit: exit, kvPolicy: policy, promptTokens: prompt.count))
            for (index, bits) in outcome.logProbabilities.enumerated() {
                let position = prompt.count + index
                let loop = outcome.exits[index]
                #expect(scores[position - 1].exitLoop == loop)
                let found = try #require(scores[position].logProbabilities)[loop - 1]
                #expect(found.bitPattern == bits, "token \(index): \(found), generated with \(Float(bitPattern: bits))")
            }
        }
    }

    @Test func thePromptIsUntouched() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1))
        let tokens = Self.prompt(60)
        let full = try await engine.score(.tokens(tokens))
        for policy in Self.shortened {
            let found = try await engine.score(ScoringRequest(.tokens(tokens), kvPolicy: policy, promptTokens: 50))
            #expect(Array(found.prefix(50)) == Array(full.prefix(50)), "\(policy)")
            #expect(found.last != full.last, "\(policy) changed nothing after the prompt")
        }
    }

    @Test func exitedTokensNeedNoFillers() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1))
        func rows(_ policy: KVPolicy) async throws -> GenerationStatistics {
            let request = GenerationRequest(
                .tokens(Self.prompt(30)), maxTokens: 10, exit: .fixed(loop: 2), ignoresEndOfText: true,
                wavefront: policy == .full ? false : nil, kvPolicy: policy)
            return try #require(try await Self.run(engine, request).statistics)
        }
        let (full, shared) = (try await rows(.full), try await rows(.lastLoop))
        #expect(shared.rows.decode == 20 && full.rows.decode == 20)
        #expect(shared.rows.filler == 2, "the prompt's last position alone runs on")
        #expect(full.rows.filler > 15)
        let compressed = try await rows(.compressed)
        #expect(compressed.rows.filler >= 18, "all loops of every token are kept: \(compressed.rows.filler)")
    }

    // MARK: memory

    @Test func collapsingFreesPages() throws {
        let harness = try ModelHarness("a_base_mha_fp32_seed1")
        let (pool, loops) = (harness.pool, 4)
        for (policy, blocks) in [(KVPolicy.full, 12), (.lastLoop, 3), (.averaged, 3)] {
            let cache = SequenceCache(pool: pool, maximumPositions: 80, loops: loops, policy: policy, prompt: 40)
            #expect(cache.reserve(upTo: 40) == 40)
            #expect(pool.blocksInUse == 12, "the prompt is full")
            cache.complete(39, loops: loops)
            #expect(cache.reserve(upTo: 40) == 40 && pool.blocksInUse == 12, "the prompt is not through")
            cache.complete(40, loops: loops)
            #expect(cache.reserve(upTo: 41) == 41)
            #expect(pool.blocksInUse == blocks, "\(policy)")
            #expect(cache.reserve(upTo: 49) == 49)
            #expect(pool.blocksInUse == blocks + (policy == .full ? 4 : 1), "\(policy): a page more")
            cache.release()
            #expect(pool.blocksInUse == 0)
        }
        let cache = SequenceCache(pool: pool, maximumPositions: 80, loops: loops, policy: .compressed, prompt: 40)
        #expect(cache.reserve(upTo: 40) == 40)
        cache.complete(40, loops: loops)
        #expect(cache.reserve(upTo: 41) == 41)
        let bytes = harness.device.layout.compressedBytes(loops: loops)
        let block = harness.device.layout.bytesPerBlock
        #expect(cache.byteCount == 2 * bytes + 4 * block, "two whole pages, and one as it was")
        #expect(pool.blocksInUse == (2 * bytes + block - 1) / block + 4)
        cache.release()
        #expect(pool.blocksInUse == 0)
    }

    @Test func pagesThatDoNotFitYetAreCollapsedLater() throws {
        let device = try ModelHarness("a_base_mha_fp32_seed1").device
        let pool = KVPool(device: device, budget: 12 * device.layout.bytesPerBlock)
        let cache = SequenceCache(pool: pool, maximumPositions: 64, loops: 4, policy: .lastLoop, prompt: 32)
        #expect(cache.reserve(upTo: 32) == 32)
        let others = (0..<4).compactMap { _ in pool.take(loops: 1) }
        cache.complete(32, loops: 4)
        #expect(cache.reserve(upTo: 33) == 32, "no room for what the first page becomes")
        for page in others { pool.release(page) }
        #expect(cache.reserve(upTo: 33) == 33 && pool.blocksInUse == 3)
    }

    @Test func compressedPagesTakeAtMostThreeTenths() throws {
        for (fixture, depth) in [("code_lm", 32), ("ouro-1.4b-config.json", 128)] {
            let file = depth == 32 ? Fixtures.url("\(fixture)/config.json") : Fixtures.url(fixture)
            let layout = KVLayout(try ModelConfiguration(contentsOf: file), type: .bf16)
            #expect(layout.headDimension == depth)
            let fraction = Double(layout.compressedBytes(loops: 4)) / Double(4 * layout.bytesPerBlock)
            #expect(fraction <= 0.3, "\(fixture): \(fraction)")
        }
    }

    // MARK: schedule invariance

    @Test(arguments: KVType.allCases, shortened)
    func outputDoesNotDependOnCompany(type: KVType, policy: KVPolicy) async throws {
        var random = SeededRandom(seed: 3)
        let requests = (0..<10).map { index in
            var sampling = SamplingParameters(seed: UInt64(index))
            if index % 2 == 1 { sampling.temperature = 0.9 }
            return GenerationRequest(
                .tokens(Self.prompt(random.int(1...70), seed: index / 3)), maxTokens: random.int(1...40),
                sampling: sampling, exit: [.allLoops, .threshold(0.6), .fixed(loop: 2), .weighted][index % 4],
                ignoresEndOfText: true, kvPolicy: index == 4 ? .full : policy)
        }
        let folder = Fixtures.url("c_gqa_headdim24_seed1")
        func engine(threads: Int, chunk: Int, rows: Int, blocks: Int? = nil) throws -> Engine {
            let layout = KVLayout(
                try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json")), type: type)
            return try Engine(
                modelAt: folder,
                options: EngineOptions(
                    threads: threads, cacheMemory: blocks.map { $0 * layout.bytesPerBlock }, prefillChunk: chunk,
                    rowsPerPass: rows, freeRows: 8, kvType: type, sharesPrefixes: blocks == nil))
        }
        let alone = try engine(threads: 1, chunk: 4096, rows: 4096)
        var expected: [Outcome] = []
        for request in requests { expected.append(try await Self.run(alone, request)) }
        for (threads, chunk, rows, blocks) in [(2, 1, 3, nil), (3, 16, 512, nil), (2, 7, 64, 34)]
            as [(Int, Int, Int, Int?)]
        {
            let engine = try engine(threads: threads, chunk: chunk, rows: rows, blocks: blocks)
            let found = try await withThrowingTaskGroup(of: (Int, Outcome).self) { group in
                for (index, request) in requests.enumerated() {
                    group.addTask { (index, try await Self.run(engine, request)) }
                }
                return try await group.reduce(into: [Int: Outcome]()) { $0[$1.0] = $1.1 }
            }
            for index in requests.indices {
                #expect(
                    try #require(found[index]).says(expected[index]),
                    "request \(index), chunks of \(chunk), \(rows) rows, \(blocks ?? 0) blocks")
            }
            let usage = await engine.usage()
            #expect(usage == (0, 0), "cache and row states after all requests are done")
        }
    }

    @Test(arguments: shortened, [ExitPolicy.allLoops, .threshold(0.5)])
    func whoMakesWayWhileDecodingGoesOnAsIfNot(policy: KVPolicy, exit: ExitPolicy) async throws {
        let model = try ModelHarness("c_gqa_headdim24_seed1").device
        let older = ScriptedDevice.request(maxTokens: 150, wavefront: false)
        var younger = ScriptedDevice.request(maxTokens: 300, exit: exit, wavefront: false)
        younger.kvPolicy = policy
        let prompt = Self.prompt(30, seed: 5)
        let expected = await ScheduleHarness.alone(prompt, younger, model: model)
        // The older request grows to 40 blocks. Before that, the younger one is far beyond its prompt.
        let harness = ScheduleHarness(model, blocks: 42)
        harness.submit(Self.prompt(10), older)
        let index = harness.submit(prompt, younger)
        harness.runToEnd()
        let (found, statistics) = await harness.outcome(index)
        #expect(statistics?.preemptions ?? 0 > 0, "it did not have to make way, so that was not tested")
        #expect(found.tokens.count == 300 && found == expected)
        harness.expectEmpty("after both")
    }

    @Test(arguments: shortened) func promptsAreReused(policy: KVPolicy) async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1, kvPolicy: policy))
        let request = GenerationRequest(.tokens(Self.prompt(64)), maxTokens: 30, ignoresEndOfText: true)
        let first = try await Self.run(engine, request)
        let second = try await Self.run(engine, request)
        #expect(first.statistics?.cachedPromptTokens == 0)
        #expect(second.statistics?.cachedPromptTokens == 48, "whole pages before the last position")
        #expect(second.says(first))
        // Only pages of the prompt are reused, not those of generated tokens.
        let longer = try await Self.run(
            engine,
            GenerationRequest(.tokens(Self.prompt(64) + first.tokens), maxTokens: 1, ignoresEndOfText: true))
        #expect(longer.statistics?.cachedPromptTokens == 64)
    }

    // MARK: errors

    @Test func whatAPolicyForbidsIsAnErrorUpFront() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1))
        for policy in Self.shortened {
            let wavefront = #expect(throws: OuroError.self) {
                try engine.generate(.init(.tokens([1]), wavefront: true, kvPolicy: policy))
            }
            #expect(wavefront?.field == "wavefront" && wavefront?.code == .invalidRequest)
            #expect(wavefront?.message.contains(policy.rawValue) == true, "\(wavefront?.message ?? "none")")
            let drafts = #expect(throws: OuroError.self) {
                try engine.generate(.init(.tokens([1]), draftTokens: 2, kvPolicy: policy))
            }
            #expect(drafts?.field == "draft_tokens")
            let prompt = await #expect(throws: OuroError.self) {
                try await engine.score(ScoringRequest(.tokens([1, 2, 3]), kvPolicy: policy))
            }
            #expect(prompt?.field == "prompt_tokens")
            for count in [0, 4, -1] {
                let range = await #expect(throws: OuroError.self) {
                    try await engine.score(ScoringRequest(.tokens([1, 2, 3]), kvPolicy: policy, promptTokens: count))
                }
                #expect(range?.field == "prompt_tokens", "\(count)")
            }
        }
        let tiny = try Engine(
            modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1, cacheMemory: 2 << 20, kvType: .f32))
        // A block takes 72 KiB, so the budget has 28 blocks. 20 pages of a shared cache fit. 20 pages of four loops do
        // not, and a prompt has four loops until it is complete.
        let long = GenerationRequest(
            .tokens(Self.prompt(16)), maxTokens: 300, ignoresEndOfText: true, kvPolicy: .lastLoop)
        #expect(try await Self.run(tiny, long).tokens.count == 300)
        var full = long
        full.kvPolicy = .full
        let exceeded = await #expect(throws: OuroError.self) { try await Self.run(tiny, full) }
        #expect(exceeded?.code == .memoryExceeded)
        var wide = long
        wide.prompt = .tokens(Self.prompt(300))
        wide.maxTokens = 1
        let prompt = await #expect(throws: OuroError.self) { try await Self.run(tiny, wide) }
        #expect(prompt?.code == .memoryExceeded)
    }

    // MARK: divergence

    @Test func theirDivergencesAreOrdered() throws {
        let folder = Fixtures.url("code_lm")
        let text = try String(contentsOf: folder.appendingPathComponent("config.json"), encoding: .utf8)
        let tokens = Array(
            try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json")).encode(text).prefix(320))
        func divergence(_ policy: KVPolicy, _ type: KVType = .f32) throws -> Double {
            let result = try Divergence.measure(
                .init(folder: folder, kvType: type, kvPolicy: policy), against: .init(folder: folder, kvType: .f32),
                tokens: tokens, promptLength: 160, threads: 1)
            #expect(result.positions == tokens.count - 160)
            return result.loops.reduce(0) { $0 + $1.divergence } / Double(result.loops.count)
        }
        let (full, eight) = (try divergence(.full), try divergence(.full, .q8))
        let (compressed, averaged, last) = (
            try divergence(.compressed), try divergence(.averaged), try divergence(.lastLoop)
        )
        #expect(abs(full) < 1e-7)
        #expect(compressed > 0 && compressed < 2 * eight, "\(compressed), 8 bits have \(eight)")
        #expect(averaged > 20 * compressed && last > 20 * compressed, "\(averaged), \(last), \(compressed)")
    }
}
