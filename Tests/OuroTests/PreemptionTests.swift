import Testing

@testable import Ouro

/// Tests waiting and preemption when memory is short. The outputs must not change, and every request must end.
@Suite struct PreemptionTests {
    private static func prompt(_ count: Int, seed: UInt64) -> [Int] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in random.int(0...11) }
    }

    /// Submits and cancels requests at random. A request that is not cancelled must have the output of a run alone.
    @Test func outputIsThatOfALoneRequest() async throws {
        var random = SeededRandom(seed: 3)
        var (preemptions, hits) = (0, 0)
        for round in 0..<30 {
            let model = ScriptedDevice()
            let blocks = random.int(16...24)
            let harness = ScheduleHarness(
                model, blocks: blocks, rowsPerPass: [3, 20, 512][round % 3], freeRows: [0, 6, 40][round / 3 % 3])
            var requests: [(prompt: [Int], request: ResolvedRequest, cancelled: Bool)] = []
            while requests.count < 10 || !harness.scheduler.isIdle {
                if requests.count < 10, random.int(0...4) == 0 {
                    var sampling = SamplingParameters(seed: random.next())
                    if random.int(0...1) == 0 { sampling.temperature = 1 }
                    if random.int(0...3) == 0 { sampling.repetitionPenalty = 1.3 }
                    let policies: [ExitPolicy] = [.allLoops, .threshold(0.5), .fixed(loop: 2), .weighted]
                    var request = ScriptedDevice.request(
                        maxTokens: random.int(1...60), loops: [2, 4][random.int(0...1)],
                        exit: policies[random.int(0...3)], sampling: sampling, chunk: [1, 5, 64][random.int(0...2)],
                        wavefront: random.int(0...3) > 0, draftTokens: [0, 3][random.int(0...1)])
                    request.everyLoop = random.int(0...1) == 0
                    request.cacheSalt = ["", "tenant"][random.int(0...1)]
                    // There are only two beginnings, so that prefixes hit.
                    let prompt =
                        Array(Self.prompt(24, seed: UInt64(random.int(0...1))).prefix(random.int(1...24)))
                    let pages = KVLayout.positionsPerBlock
                    guard (prompt.count + request.maxTokens + pages - 1) / pages * request.loops <= blocks else {
                        continue
                    }
                    harness.submit(prompt, request)
                    requests.append((prompt, request, false))
                }
                if !requests.isEmpty, random.int(0...80) == 0 {
                    let index = random.int(0...requests.count - 1)
                    harness.cancel(index)
                    requests[index].cancelled = true
                }
                harness.runPass()
                try #require(harness.passes < 20_000, "round \(round) does not end")
            }
            for (index, item) in requests.enumerated() where !item.cancelled {
                let expected = await ScheduleHarness.alone(item.prompt, item.request, model: model)
                let found = await harness.outcome(index).0
                #expect(found == expected, "request \(index) of round \(round)")
            }
            harness.expectEmpty("after round \(round)")
            preemptions += harness.scheduler.load.preemptions
            hits += harness.scheduler.load.prefixHits
        }
        #expect(preemptions > 10, "\(preemptions) preemptions")
        #expect(hits > 50, "\(hits) positions found")
    }

    @Test func cancellationAfterAnyPassLeaksNothingAndDisturbsNobody() async throws {
        let model = ScriptedDevice()
        let requests = (0..<3).map { index in
            (prompt: Self.prompt(20, seed: UInt64(index)), request: ScriptedDevice.request(maxTokens: 30, chunk: 7))
        }
        var expected: [ScheduleHarness.Outcome] = []
        for (prompt, request) in requests {
            expected.append(await ScheduleHarness.alone(prompt, request, model: model))
        }
        var cancelledAt = 0
        while true {
            let harness = ScheduleHarness(model, blocks: 24)
            for (prompt, request) in requests { harness.submit(prompt, request) }
            for _ in 0..<cancelledAt where !harness.scheduler.isIdle { harness.runPass() }
            let ended = harness.scheduler.isIdle
            harness.cancel(1)
            harness.runToEnd()
            harness.expectEmpty("cancelled after \(cancelledAt) passes")
            for index in [0, 2] {
                let found = await harness.outcome(index).0
                #expect(found == expected[index], "request \(index), with 1 cancelled after \(cancelledAt) passes")
            }
            if ended { break }
            cancelledAt += 1
        }
        #expect(cancelledAt > 30, "\(cancelledAt) passes were tried")
    }

    @Test func aLongRequestEndsUnderAStreamOfShortOnes() async throws {
        let model = ScriptedDevice()
        let (prompt, long) = (Self.prompt(20, seed: 1), ScriptedDevice.request(maxTokens: 76, wavefront: false))
        let alone = ScheduleHarness(model, blocks: 24)
        alone.submit(prompt, long)
        alone.runToEnd()
        let harness = ScheduleHarness(model, blocks: 24)
        // Other requests are running when the long one comes.
        for seed in UInt64(10)..<14 {
            harness.submit(Self.prompt(20, seed: seed), ScriptedDevice.request(maxTokens: 6))
        }
        harness.runPass()
        let index = harness.submit(prompt, long)
        var count = 0
        while harness.passes < 3 * alone.passes, !harness.scheduler.isIdle {
            harness.submit(Self.prompt(20, seed: UInt64(100 + count)), ScriptedDevice.request(maxTokens: 6))
            count += 1
            harness.runPass()
        }
        harness.scheduler.cancelAll()
        let (found, _) = await harness.outcome(index)
        #expect(found.reason == .length, "\(found.tokens.count) of 76 tokens after \(harness.passes) passes")
        let expected = await ScheduleHarness.alone(prompt, long, model: model)
        #expect(found == expected)
        harness.expectEmpty()
    }

    @Test func aShortRequestEndsAmongLongOnes() async throws {
        let model = ScriptedDevice()
        let long = ScriptedDevice.request(maxTokens: 70, wavefront: false)
        let harness = ScheduleHarness(model, blocks: 24)
        let before = 3
        for seed in 0..<before { harness.submit(Self.prompt(20, seed: UInt64(seed)), long) }
        let index = harness.submit(Self.prompt(5, seed: 50), ScriptedDevice.request(maxTokens: 4))
        // The long requests run one after the other, each with its prompt and 70 tokens of four passes. The short one
        // follows.
        let bound = before * (4 + 70 * 4 + 80) + 40
        for pass in 0..<bound {
            if pass % 20 == 0 { harness.submit(Self.prompt(20, seed: UInt64(200 + pass)), long) }
            harness.runPass()
        }
        harness.scheduler.cancelAll()
        let (found, _) = await harness.outcome(index)
        #expect(found.reason == .length, "\(found.tokens.count) of 4 tokens after \(bound) passes")
        harness.expectEmpty()
    }

    @Test func theYoungestMakesWayAndNothingComesOutTwice() async throws {
        let model = ScriptedDevice()
        // There is room for three pages of each request. In the end each needs four.
        let harness = ScheduleHarness(model, blocks: 6 * 4)
        let request = ScriptedDevice.request(maxTokens: 44, wavefront: false)
        for seed in 0..<2 { harness.submit(Self.prompt(20, seed: UInt64(seed)), request) }
        harness.runToEnd()
        let (first, firstStatistics) = await harness.outcome(0)
        let (second, secondStatistics) = await harness.outcome(1)
        #expect(firstStatistics?.preemptions == 0)
        #expect(secondStatistics?.preemptions == 1)
        #expect(harness.scheduler.load.preemptions == 1)
        #expect([first.tokens.count, second.tokens.count] == [44, 44])
        let expected = await ScheduleHarness.alone(Self.prompt(20, seed: 1), request, model: model)
        #expect(second == expected)
    }

    @Test func aRequestThatCanNeverFitIsRefusedWithTheNumbers() async throws {
        let harness = ScheduleHarness(ScriptedDevice(), blocks: 8)
        let refused = harness.submit(Self.prompt(20, seed: 1), ScriptedDevice.request(maxTokens: 30))
        let served = harness.submit(Self.prompt(20, seed: 1), ScriptedDevice.request(maxTokens: 12))
        harness.runToEnd()
        #expect(await harness.outcome(refused).0.failure == .memoryExceeded)
        #expect(await harness.outcome(served).0.tokens.count == 12)
    }
}
