import Foundation
import Testing

@testable import Ouro

/// Tests that the wavefront changes when rows run, but never the output.
@Suite struct WavefrontTests {
    private static func randomRequest(
        _ random: inout SeededRandom
    ) -> (prompt: [Int], request: ResolvedRequest) {
        let loops = random.int(1...8)
        let policies: [ExitPolicy] = [
            .allLoops, .threshold(0.3), .threshold(0.6), .threshold(0.9), .fixed(loop: random.int(1...8)),
            .hiddenChange(below: 0.3), .weighted,
        ]
        var sampling = SamplingParameters(seed: random.next())
        if random.int(0...1) == 1 {
            sampling.temperature = [0.5, 1, 1.5][random.int(0...2)]
            sampling.topK = [0, 3][random.int(0...1)]
            sampling.topP = [1, 0.8][random.int(0...1)]
            sampling.minP = [0, 0.05][random.int(0...1)]
        }
        if random.int(0...2) == 0 {
            sampling.repetitionPenalty = 1.3
            sampling.presencePenalty = 0.4
            sampling.frequencyPenalty = 0.2
        }
        if random.int(0...3) == 0 { sampling.logitBias = [random.int(0...5): 2, random.int(6...11): -3] }
        let prompt = (0..<random.int(1...25)).map { _ in random.int(0...11) }
        return (
            prompt,
            ScriptedDevice.request(
                maxTokens: random.int(1...20), loops: loops, exit: policies[random.int(0...6)], sampling: sampling,
                endTokens: random.int(0...1) == 0 ? [random.int(0...11)] : [])
        )
    }

    /// Runs 2000 random requests: first each alone without the wavefront, then in groups of eight with it.
    @Test func outputIsThatOfPlainDecoding() async throws {
        var random = SeededRandom(seed: 11)
        for round in 0..<250 {
            let disagreement = [5, 25, 60, 95][round % 4]
            func model() throws -> ScriptedDevice {
                let model = ScriptedDevice()
                model.disagreement = UInt64(disagreement)
                return model
            }
            let requests = (0..<8).map { _ in Self.randomRequest(&random) }
            var plain: [ScriptedDevice.Outcome] = []
            for (prompt, request) in requests {
                var request = request
                request.wavefront = false
                plain += try await ScriptedDevice.run([(prompt, request)], model: model()).outcomes
            }
            let mixed = requests.map { prompt, request in
                var request = request
                request.prefillChunk = [1, 3, 7, 64][random.int(0...3)]
                request.draftTokens = [0, 0, 1, 4][random.int(0...3)]
                return (prompt, request)
            }
            let (found, statistics, leaks) = try await ScriptedDevice.run(
                mixed, rowsPerPass: [2, 9, 40, 512][random.int(0...3)], freeRows: [0, 3, 8, 100][random.int(0...3)],
                model: model())
            #expect(found == plain, "round \(round)")
            #expect(leaks == (0, 0), "blocks and row states after round \(round)")
            for statistics in statistics.compactMap({ $0 }) {
                #expect(statistics.rows.dropped <= statistics.rows.draft)
            }
        }
    }

    private static func run(
        _ request: ResolvedRequest, prompt: [Int] = [1], script: @escaping ([Int], Int) -> Int?
    ) async throws -> GenerationStatistics {
        let model = ScriptedDevice()
        model.script = script
        let (outcomes, statistics, _) = try await ScriptedDevice.run([(prompt, request)], model: model)
        #expect(outcomes[0].tokens.count == request.maxTokens)
        #expect(model.passes.count == statistics[0]?.passes)
        return try #require(statistics[0])
    }

    @Test func plainDecodingTakesOnePassALoop() async throws {
        let result = try await Self.run(ScriptedDevice.request(maxTokens: 10, wavefront: false)) { _, _ in 3 }
        #expect(result.passes == 40)
        #expect(result.rows.decode == 40)
        #expect(result.rows.draft + result.rows.filler + result.rows.prefill + result.rows.dropped == 0)
    }

    @Test func loopsThatAgreeTakeOnePassAToken() async throws {
        let result = try await Self.run(ScriptedDevice.request(maxTokens: 10)) { _, _ in 3 }
        #expect(result.passes == 13, "the first token takes four, every other one more")
        #expect(result.rows.dropped == 0)
        #expect(result.acceptance == [1, 1, 1, 1])
    }

    @Test func aGuessThatSettlesAtLoopTwoTakesTwoPassesAToken() async throws {
        let result = try await Self.run(ScriptedDevice.request(maxTokens: 10)) { tokens, loop in
            loop == 1 ? 0 : 1 + tokens.count % 5
        }
        #expect(result.passes == 22, "the first token takes four, every other two more")
        #expect(result.acceptance == [0, 1, 1, 1])
    }

    @Test func guessesThatAreAllWrongTakeNoMoreThanPlainDecoding() async throws {
        let result = try await Self.run(ScriptedDevice.request(maxTokens: 10)) { _, loop in loop }
        #expect(result.passes == 40)
        #expect(result.rows.dropped == result.rows.draft)
    }

    @Test func guessesThatAreNeverRightAreHardlyMade() async throws {
        let model = ScriptedDevice()
        // For 500 tokens no loop agrees with the last one. After that all loops agree.
        model.script = { tokens, loop in tokens.count <= 500 ? loop : 3 }
        let request = ScriptedDevice.request(maxTokens: 600)
        let (outcomes, statistics, _) = try await ScriptedDevice.run([([1], request)], model: model)
        let result = try #require(statistics[0])
        #expect(outcomes[0].tokens.count == 600)
        // Guesses are made for the first tokens, then for one token of eight, then for the last 100.
        #expect(result.guesses[0] < 100 + 400 / 8 + 100, "\(result.guesses)")
        #expect(model.readouts < 1800, "a guess after every loop takes 3500: \(model.readouts)")
        #expect(result.passes < 4 * 500 + 4 * 40 + 60, "after a few trials loops are trusted again: \(result.passes)")
    }

    @Test func anExitFreesTheSuccessor() async throws {
        let plain = try await Self.run(
            ScriptedDevice.request(maxTokens: 10, exit: .fixed(loop: 2), wavefront: false)
        ) { _, _ in 3 }
        #expect(plain.passes == 20, "two passes a token")
        #expect(plain.rows.filler == 2 * 9, "all but the last token's row run on beside the next")
        let ahead = try await Self.run(ScriptedDevice.request(maxTokens: 10, exit: .fixed(loop: 2))) { _, _ in 3 }
        #expect(ahead.passes == 11)
        let first = try await Self.run(
            ScriptedDevice.request(maxTokens: 10, exit: .fixed(loop: 1), wavefront: false)
        ) { _, _ in 3 }
        #expect(first.passes == 10)
    }

    @Test func repetitionsTakeLessThanAPassAToken() async throws {
        let prompt = (0..<12).map { $0 % 6 }
        let script: ([Int], Int) -> Int? = { tokens, _ in ((tokens.last ?? 0) + 1) % 6 }
        let without = try await Self.run(ScriptedDevice.request(maxTokens: 60), prompt: prompt, script: script)
        let with = try await Self.run(
            ScriptedDevice.request(maxTokens: 60, draftTokens: 4), prompt: prompt, script: script)
        #expect(without.passes == 63)
        #expect(with.passes <= 24, "\(with.passes) passes for 60 tokens")
        #expect(with.rows.dropped == 0)
    }

    @Test func aFullPassLeavesNoRoomForGuesses() async throws {
        let model = ScriptedDevice()
        model.script = { _, _ in 3 }
        let requests = (0..<6).map { _ in (prompt: [1], request: ScriptedDevice.request(maxTokens: 10)) }
        let (_, statistics, _) = try await ScriptedDevice.run(requests, freeRows: 4, model: model)
        #expect(statistics.compactMap { $0?.rows.draft }.reduce(0, +) < 10, "only while some requests have ended")
        #expect(model.passes.allSatisfy { $0 <= 6 })
    }

    @Test func withoutRoomForGuessesOnlyExitsAreReadOut() async throws {
        let model = ScriptedDevice()
        model.script = { _, _ in 3 }
        let requests = (0..<6).map { _ in (prompt: [1], request: ScriptedDevice.request(maxTokens: 10)) }
        let (_, statistics, _) = try await ScriptedDevice.run(requests, freeRows: 0, model: model)
        #expect(model.readouts == 60, "six requests of ten tokens")
        #expect(statistics.compactMap { $0?.passes } == Array(repeating: 40, count: 6))
    }

    @Test func aShortPromptNeedNotWaitForALongOne() async throws {
        let model = ScriptedDevice()
        let long = ScriptedDevice.request(maxTokens: 1, chunk: 64, wavefront: false)
        let short = ScriptedDevice.request(maxTokens: 1, chunk: 64, wavefront: false)
        let pool = KVPool(device: model, budget: 64 << 20)
        let scheduler = Scheduler(device: model, pool: pool, rowsPerPass: 64)
        func submit(_ prompt: [Int], _ request: ResolvedRequest) -> AsyncThrowingStream<GeneratedToken, any Error> {
            let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
            scheduler.submit(
                GenerationTask(
                    prompt: prompt, request: request, continuation: continuation, cancelled: AtomicFlag()))
            return stream
        }
        _ = submit(Array(repeating: 1, count: 1500), long)
        scheduler.runPass()
        let stream = submit([1, 2, 3], short)
        for _ in 0..<12 { scheduler.runPass() }
        var count = 0
        let reader = Task {
            for try await _ in stream { return 1 }
            return 0
        }
        scheduler.cancelAll()
        count = try await reader.value
        #expect(count == 1, "the short request's token is out after the long one's chunk and its own four passes")
    }
}
