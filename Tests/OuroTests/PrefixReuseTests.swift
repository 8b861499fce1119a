import Foundation
import Synchronization
import Testing

@testable import Ouro

/// Tests that a prefix hit gives the same bits as a computation, on the weights of fixtures and with every KV type.
@Suite struct PrefixReuseTests {
    private static let fixtures = ["a_base_mha_fp32_seed1", "c_gqa_headdim24_seed1"]

    private static func prompt(_ count: Int, seed: UInt64) -> [Int] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in random.int(0...255) }
    }

    private static func request(_ maxTokens: Int, exit: ExitPolicy = .threshold(0.6)) -> ResolvedRequest {
        var sampling = SamplingParameters(seed: 9)
        (sampling.temperature, sampling.repetitionPenalty) = (0.8, 1.1)
        var request = ScriptedDevice.request(maxTokens: maxTokens, exit: exit, sampling: sampling, chunk: 13)
        request.everyLoop = true
        return request
    }

    @Test(arguments: fixtures, KVType.allCases)
    func aHitIsAMissBitForBit(fixture: String, type: KVType) async throws {
        let model = try ModelHarness(fixture, threads: 2, kvType: type).device
        let harness = ScheduleHarness(model, blocks: 400)
        let prompt = Self.prompt(37, seed: 1)
        let first = harness.submit(prompt, Self.request(20))
        harness.runToEnd()
        let answer = await harness.outcome(first).0
        // The next turn of a chat, and the same question once more with other settings.
        let turn = prompt + answer.tokens + Self.prompt(9, seed: 2)
        let second = harness.submit(turn, Self.request(10))
        let third = harness.submit(prompt, Self.request(10, exit: .allLoops))
        harness.runToEnd()
        for (index, prompt, request, cached) in [
            (second, turn, Self.request(10), 48), (third, prompt, Self.request(10, exit: .allLoops), 32),
        ] {
            let expected = await ScheduleHarness.alone(prompt, request, model: model)
            let (found, statistics) = await harness.outcome(index)
            #expect(found == expected)
            #expect(statistics?.cachedPromptTokens == cached, "positions that were found")
        }
        #expect(harness.scheduler.load.prefixHits == 80)
        #expect(harness.scheduler.load.prefixQueries == 36 + 65 + 36)
        harness.expectEmpty()
    }

    @Test(arguments: fixtures, KVType.allCases)
    func preemptedOutputIsThatOfALoneRequest(fixture: String, type: KVType) async throws {
        let model = try ModelHarness(fixture, threads: 2, kvType: type).device
        let harness = ScheduleHarness(model, blocks: 6 * 4)
        var requests = (0..<4).map { (Self.prompt(20, seed: UInt64($0)), Self.request(44)) }
        requests[2].1.exit = .allLoops
        requests[3].0 = requests[0].0
        let indices = requests.map { harness.submit($0.0, $0.1) }
        harness.runToEnd()
        for (index, (prompt, request)) in zip(indices, requests) {
            let expected = await ScheduleHarness.alone(prompt, request, model: model)
            let found = await harness.outcome(index).0
            #expect(found == expected, "request \(index)")
        }
        #expect(harness.scheduler.load.preemptions > 0)
        harness.expectEmpty()
    }

    @Test func differentSaltsAndLoopsNeverShare() async throws {
        let harness = ScheduleHarness(ScriptedDevice(), blocks: 400)
        let prompt = (0..<40).map { $0 % 12 }
        func cached(salt: String, loops: Int) async -> Int? {
            var request = ScriptedDevice.request(maxTokens: 2, loops: loops)
            request.cacheSalt = salt
            let index = harness.submit(prompt, request)
            harness.runToEnd()
            return await harness.outcome(index).1?.cachedPromptTokens
        }
        #expect(await cached(salt: "a", loops: 4) == 0)
        #expect(await cached(salt: "b", loops: 4) == 0, "another salt")
        #expect(await cached(salt: "", loops: 4) == 0, "no salt")
        #expect(await cached(salt: "a", loops: 3) == 0, "other loops")
        #expect(await cached(salt: "a", loops: 4) == 32)
        #expect(await cached(salt: "b", loops: 4) == 32)
    }

    @Test func theLastPositionOfAPromptIsAlwaysComputed() async throws {
        let harness = ScheduleHarness(ScriptedDevice(), blocks: 400)
        var cached: [Int?] = []
        for _ in 0..<2 {
            let index = harness.submit((0..<32).map { $0 % 12 }, ScriptedDevice.request(maxTokens: 1))
            harness.runToEnd()
            cached.append(await harness.outcome(index).1?.cachedPromptTokens)
        }
        #expect(cached == [0, 16], "not all 32")
    }

    @Test func scoresAreComputedWhateverIsCached() async throws {
        let engine = try Engine(modelAt: Fixtures.url(Self.fixtures[0]))
        let tokens = Self.prompt(50, seed: 7)
        let first = try await engine.score(.tokens(tokens))
        #expect(try await engine.score(.tokens(tokens)) == first)
        let apart = try Engine(
            modelAt: Fixtures.url(Self.fixtures[0]), options: EngineOptions(sharesPrefixes: false))
        #expect(try await apart.score(.tokens(tokens)) == first)
        #expect(apart.load.pagesCached == 0)
        // A generation reuses the pages that scoring has cached.
        var statistics: GenerationStatistics?
        for try await token in try engine.generate(GenerationRequest(.tokens(tokens), maxTokens: 1)) {
            statistics = token.statistics
        }
        #expect(statistics?.cachedPromptTokens == 48)
    }

    @Test func scoresSurviveAPreemption() async throws {
        let model = try ModelHarness(Self.fixtures[0]).device
        let tokens = Self.prompt(60, seed: 8)
        func score(blocks: Int, besides: Bool) -> (scores: [ScoredPosition], preemptions: Int) {
            let harness = ScheduleHarness(model, blocks: blocks, rowsPerPass: 8)
            // This request needs more blocks than at its admission while the text is being scored.
            if besides { harness.submit(Self.prompt(2, seed: 3), ScriptedDevice.request(maxTokens: 60)) }
            let result = Mutex<[ScoredPosition]>([])
            harness.scheduler.submit(
                ScoringTask(
                    ResolvedScoring(tokens: tokens, loops: 4, exit: .allLoops, prefillChunk: 1),
                    cancelled: AtomicFlag(),
                    deliver: { scores in result.withLock { $0 = (try? scores.get()) ?? [] } }))
            harness.runToEnd()
            harness.expectEmpty()
            return (result.withLock { $0 }, harness.scheduler.load.preemptions)
        }
        let alone = score(blocks: 400, besides: false)
        let pressed = score(blocks: 6 * 4, besides: true)
        #expect(alone.scores.count == 60)
        #expect(pressed.scores == alone.scores)
        #expect(pressed.preemptions > 0)
    }

    @Test func theLoadTellsWhatIsCached() async throws {
        let engine = try Engine(modelAt: Fixtures.url(Self.fixtures[0]), options: EngineOptions(cacheMemory: 1 << 20))
        let request = GenerationRequest(.tokens(Self.prompt(40, seed: 1)), maxTokens: 3, ignoresEndOfText: true)
        for _ in 0..<2 { _ = try await engine.generate(request).text() }
        // The load is that at the end of the last pass. `usage` answers between two passes, so no pass is running then.
        #expect(await engine.usage().slots == 0)
        let load = engine.load
        #expect(load.pagesCached == 2)
        #expect(load.cacheBytes <= 1 << 20 && load.cacheBytesCached > 0)
        #expect(load.prefixQueries == 78)
        #expect(load.prefixHits == 32)
        #expect(load.preemptions == 0 && load.liveRequests == 0)
        #expect(load.passes > 0 && load.rows.decode > 0)
    }

    @Test func aLongChainIsFreedWithoutNesting() async throws {
        let count = 4096
        let tokens = Array(repeating: 1, count: count * 16)
        // A thread of the cooperative pool has a small stack.
        let cached = await Task.detached {
            let device = ScriptedDevice()
            let pool = KVPool(device: device, budget: count * device.layout.bytesPerBlock)
            let cache = SequenceCache(pool: pool, maximumPositions: tokens.count, loops: 1)
            _ = cache.reserve(upTo: tokens.count)
            cache.publish(tokens[...], completed: tokens.count)
            cache.release()
            return pool.pagesCached
        }.value
        #expect(cached == count)
    }
}
