import Foundation
import Testing

@testable import Ouro
@testable import OuroQuantisation

/// Tests schedule invariance: a request's output has the same bits whatever other requests run.
@Suite struct InvarianceTests {
    /// What a request produced.
    private struct Outcome: Equatable {
        var tokens: [Int]
        var logProbabilities: [UInt32]
        var exitLoops: [Int]
        var distributions: [[UInt32]]
    }

    private static func run(_ engine: Engine, _ request: GenerationRequest) async throws -> Outcome {
        var outcome = Outcome(tokens: [], logProbabilities: [], exitLoops: [], distributions: [])
        for try await token in try engine.generate(request) {
            outcome.tokens.append(token.id)
            outcome.logProbabilities.append(token.logProbability.bitPattern)
            outcome.exitLoops.append(token.exitLoop)
            outcome.distributions.append(token.exitDistribution.map(\.bitPattern))
        }
        return outcome
    }

    private static func randomRequest(_ random: inout SeededRandom, vocabulary: Int) -> GenerationRequest {
        let prompt = (0..<random.int(1...60)).map { _ in random.int(0...(vocabulary - 1)) }
        let policies: [ExitPolicy] = [
            .allLoops, .threshold(0.6), .fixed(loop: 2), .hiddenChange(below: 0.8), .weighted, .threshold(0.3),
        ]
        var sampling = SamplingParameters(seed: UInt64(random.int(0...1_000_000)))
        if random.int(0...1) == 1 {
            sampling.temperature = 0.8
            sampling.topP = [1, 0.9][random.int(0...1)]
            sampling.topK = [0, 20][random.int(0...1)]
            sampling.repetitionPenalty = [1, 1.2][random.int(0...1)]
        }
        return GenerationRequest(
            .tokens(prompt), maxTokens: random.int(1...12), sampling: sampling, exit: policies[random.int(0...5)],
            loops: random.int(0...2) == 0 ? random.int(1...6) : nil, ignoresEndOfText: true,
            wavefront: random.int(0...3) > 0, draftTokens: [0, 0, 3][random.int(0...2)])
    }

    @Test(
        arguments: ["a_base_mha_fp32_seed1", "b_bf16_seed1", "i_odd_dims_seed1", "code_lm"],
        Kernels.available.map(\.name))
    func outputDoesNotDependOnCompany(fixture: String, variant: String) async throws {
        try await Self.checkCompany(folder: Fixtures.url(fixture), variant: variant)
    }

    @Test(
        arguments: [("a_base_mha_fp32_seed1", 4, 32), ("a_base_mha_fp32_seed1", 8, 64), ("b_bf16_seed1", 4, 64)],
        Kernels.available.map(\.name))
    func quantisedOutputDoesNotDependOnCompany(model: (String, Int, Int), variant: String) async throws {
        let (fixture, bits, groupSize) = model
        let folder = try CheckpointFolder()
        try Quantiser(
            modelAt: Fixtures.url(fixture), options: QuantisationOptions(bits: bits, groupSize: groupSize)
        ).write(to: folder.url)
        try await Self.checkCompany(folder: folder.url, variant: variant)
    }

    private static func checkCompany(folder: URL, variant: String) async throws {
        var random = SeededRandom(seed: 7)
        let alone = try Engine(
            modelAt: folder, options: EngineOptions(threads: 1, prefillChunk: 4096, instructionSet: variant))
        let requests = (0..<24).map { _ in Self.randomRequest(&random, vocabulary: alone.configuration.vocabularySize) }
        var expected: [Outcome] = []
        for request in requests {
            var request = request
            request.wavefront = false
            expected.append(try await Self.run(alone, request))
        }
        for (threads, chunk, rows) in [(2, 1, 3), (3, 7, 20), (2, 16, 512), (4, 33, 64)] {
            let engine = try Engine(
                modelAt: folder,
                options: EngineOptions(
                    threads: threads, prefillChunk: chunk, rowsPerPass: rows, freeRows: rows / 2,
                    instructionSet: variant))
            let found = try await withThrowingTaskGroup(of: (Int, Outcome).self) { group in
                for (index, request) in requests.enumerated() {
                    group.addTask { (index, try await Self.run(engine, request)) }
                }
                return try await group.reduce(into: [Int: Outcome]()) { $0[$1.0] = $1.1 }
            }
            for index in requests.indices {
                #expect(
                    found[index] == expected[index],
                    "request \(index) with \(threads) threads, chunks of \(chunk), \(rows) rows per pass")
            }
            let usage = await engine.usage()
            #expect(usage == (0, 0), "cache and row states after all requests are done")
        }
    }

    @Test(arguments: KVType.allCases)
    func scoresDoNotDependOnChunks(type: KVType) async throws {
        let folder = Fixtures.url("c_gqa_headdim24_seed1")
        let tokens = (0..<75).map { ($0 * 37 + 11) % 256 }
        let whole = try await Engine(modelAt: folder, options: EngineOptions(threads: 1, kvType: type))
            .score(.tokens(tokens))
        for chunk in [1, 5, 16, 50] {
            let engine = try Engine(
                modelAt: folder, options: EngineOptions(threads: 2, prefillChunk: chunk, kvType: type))
            #expect(try await engine.score(.tokens(tokens)) == whole, "chunks of \(chunk)")
        }
    }

    @Test func slidingWindowsDoNotDependOnChunks() async throws {
        let folder = Fixtures.url("a_base_mha_fp32_seed1")
        let tokens = (0..<70).map { ($0 * 53 + 5) % 256 }
        func score(chunk: Int, window: Int?) async throws -> [ScoredPosition] {
            let engine = try Engine(modelAt: folder, options: EngineOptions(threads: 2, prefillChunk: chunk)) {
                $0.slidingWindows = [window, nil]
            }
            return try await engine.score(.tokens(tokens))
        }
        let full = try await score(chunk: 70, window: nil)
        #expect(try await score(chunk: 70, window: 1000) == full)
        let windowed = try await score(chunk: 70, window: 20)
        #expect(Array(windowed.prefix(20)) == Array(full.prefix(20)), "positions inside the first window")
        #expect(windowed.last != full.last)
        for chunk in [1, 9, 32] { #expect(try await score(chunk: chunk, window: 20) == windowed, "chunks of \(chunk)") }
    }
}

/// The generator of property tests.
typealias SeededRandom = SplitMix64

extension SplitMix64 {
    init(seed: UInt64) { self.init(state: seed) }

    mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
}
