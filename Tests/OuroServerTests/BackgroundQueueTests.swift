import Foundation
import Synchronization
import Testing

@testable import OuroServer

/// Work that computes for long runs on threads of its own, one job at a time, and can be cancelled before it starts.
@Suite(.timeLimit(.minutes(5))) struct BackgroundQueueTests {
    /// Blocks a thread of the queue until the test opens it.
    private final class Gate: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        private let entered = DispatchSemaphore(value: 0)

        func pass() {
            entered.signal()
            semaphore.wait()
        }

        func open() { semaphore.signal() }

        /// Waits until a thread stands at the gate.
        func waitForVisitor() async {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread { [entered] in
                    entered.wait()
                    continuation.resume()
                }
            }
        }
    }

    /// The numbers of the jobs that have run.
    private final class Record: Sendable {
        private let state = Mutex<[Int]>([])
        var numbers: [Int] { state.withLock { $0 } }
        func add(_ number: Int) { state.withLock { $0.append(number) } }
    }

    @Test func resultsAndErrorsArrive() async throws {
        let queue = BackgroundQueue(threads: 1)
        var threads: Set<ObjectIdentifier> = []
        for _ in 0..<8 { threads.insert(try await queue.run { ObjectIdentifier(Thread.current) }) }
        #expect(threads.count == 1)
        let error = await #expect(throws: APIError.self) { try await queue.run { throw APIError.badRequest("a", "b") } }
        #expect(error?.parameter == "a")
    }

    @Test func jobsStartInOrderOneAtATime() async throws {
        let queue = BackgroundQueue(threads: 1)
        let gate = Gate()
        let record = Record()
        let first = Task { try await queue.run { gate.pass() } }
        await gate.waitForVisitor()
        var jobs: [Task<Void, any Error>] = []
        for number in 0..<20 {
            jobs.append(Task { try await queue.run { record.add(number) } })
            while queue.waitingCount <= number { await Task.yield() }
        }
        #expect(record.numbers == [] && queue.waitingCount == 20)
        gate.open()
        try await first.value
        for job in jobs { try await job.value }
        #expect(record.numbers == Array(0..<20))
    }

    @Test func aJobThatIsCancelledInTheQueueNeverStarts() async throws {
        let queue = BackgroundQueue(threads: 1)
        let gate = Gate()
        let record = Record()
        let first = Task { try await queue.run { gate.pass() } }
        await gate.waitForVisitor()
        let cancelled = Task { try await queue.run { record.add(1) } }
        while queue.waitingCount < 1 { await Task.yield() }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(queue.waitingCount == 0)
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await queue.run { record.add(1) }
        }
        await #expect(throws: CancellationError.self) { try await early.value }
        gate.open()
        try await first.value
        try await queue.run { record.add(10) }
        #expect(record.numbers == [10])
    }

    @Test func jobsOnOtherThreadsDoNotWaitForALongOne() async throws {
        let queue = BackgroundQueue(threads: 2)
        let gate = Gate()
        let first = Task { try await queue.run { gate.pass() } }
        await gate.waitForVisitor()
        #expect(try await queue.run { 7 } == 7)
        gate.open()
        try await first.value
    }
}
