import Foundation
import Synchronization
import Testing

@testable import Ouro

/// A scheduler on the test's own thread. A test can submit, cancel and inspect requests between any two passes.
final class ScheduleHarness {
    let scheduler: Scheduler
    let pool: KVPool
    private(set) var passes = 0
    private var streams: [AsyncThrowingStream<GeneratedToken, any Error>] = []
    private var flags: [AtomicFlag] = []

    /// Everything that a request produces. Floats are given as bits.
    struct Outcome: Equatable {
        var tokens: [Int] = []
        var logProbabilities: [UInt32] = []
        var loopLogProbabilities: [[UInt32]] = []
        var exits: [Int] = []
        var gates: [[UInt32]] = []
        var reason: FinishReason?
        var failure: OuroError.Code?
    }

    /// - Parameters:
    ///   - blocks: the budget, in blocks of 16 positions of one loop.
    init(_ device: any PassDevice, blocks: Int, sharesPrefixes: Bool = true, rowsPerPass: Int = 512, freeRows: Int = 16)
    {
        pool = KVPool(
            device: device, budget: blocks * device.layout.bytesPerBlock, sharesPrefixes: sharesPrefixes)
        scheduler = Scheduler(device: device, pool: pool, rowsPerPass: rowsPerPass, freeRows: freeRows)
    }

    /// Submits a request and returns its number.
    @discardableResult
    func submit(_ prompt: [Int], _ request: ResolvedRequest) -> Int {
        let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
        let flag = AtomicFlag()
        streams.append(stream)
        flags.append(flag)
        scheduler.submit(
            GenerationTask(prompt: prompt, request: request, continuation: continuation, cancelled: flag))
        return streams.count - 1
    }

    func cancel(_ index: Int) { flags[index].set() }

    func runPass() {
        scheduler.runPass()
        passes += 1
        let (used, cached) = (pool.blocksInUse, pool.blocksCached)
        if used + cached + pool.blocksFree > pool.capacity {
            Issue.record("\(used) in use, \(cached) cached, \(pool.blocksFree) free: more than \(pool.capacity)")
        }
    }

    /// Runs passes until the scheduler is idle. After `limit` passes it stops and records an issue.
    func runToEnd(limit: Int = 100_000) {
        let first = passes
        while !scheduler.isIdle, passes - first < limit { runPass() }
        if !scheduler.isIdle { Issue.record("still busy after \(limit) passes") }
    }

    /// Expects that no request, block, page or slot is in use.
    func expectEmpty(_ what: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
        let found = [pool.blocksInUse, pool.pagesInUse, scheduler.slots.used]
        #expect(found == [0, 0, 0], "blocks, pages and row states in use \(what)", sourceLocation: sourceLocation)
        let load = scheduler.load
        let reported = [load.liveRequests, load.waitingRequests, load.pagesInUse, load.cacheBytesInUse]
        #expect(
            reported == [0, 0, 0, 0],
            "live, waiting, pages and bytes in use as reported \(what)", sourceLocation: sourceLocation)
    }

    /// Waits until a request has ended. Returns what it produced, and its statistics.
    func outcome(_ index: Int) async -> (Outcome, GenerationStatistics?) {
        var outcome = Outcome()
        var statistics: GenerationStatistics?
        do {
            for try await token in streams[index] {
                outcome.tokens.append(token.id)
                outcome.logProbabilities.append(token.logProbability.bitPattern)
                outcome.loopLogProbabilities.append(token.loopLogProbabilities.map(\.bitPattern))
                outcome.exits.append(token.exitLoop)
                outcome.gates.append(token.gate.map(\.bitPattern))
                outcome.reason = token.finishReason
                statistics = token.statistics
            }
        } catch {
            outcome.failure = (error as? OuroError)?.code
        }
        return (outcome, statistics)
    }

    /// What a request produces when it runs alone, without shared prefixes and with enough memory.
    static func alone(_ prompt: [Int], _ request: ResolvedRequest, model: any PassDevice) async -> Outcome {
        let harness = ScheduleHarness(model, blocks: 4096, sharesPrefixes: false)
        let index = harness.submit(prompt, request)
        harness.runToEnd()
        return await harness.outcome(index).0
    }
}
