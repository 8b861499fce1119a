import Dispatch
import Foundation
import Synchronization

/// Runs work that computes for long on threads of its own: parsing of large bodies, for example.
///
/// Swift's cooperative pool has one thread for each core. Work that computes there delays every other request, also
/// `/health`. Here each thread runs one job at a time, and the jobs start in the order in which they came.
final class BackgroundQueue: Sendable {
    /// The queue of the process.
    static let shared = BackgroundQueue(threads: 2)

    private struct Job {
        let number: Int
        let run: @Sendable () -> Void
        let cancel: @Sendable () -> Void
    }

    private struct State {
        var waiting: [Job] = []
        var nextNumber = 0
        var isClosed = false
    }

    /// What the threads share. It does not refer to the queue, so that the queue can end.
    private final class Shared: Sendable {
        let state = Mutex(State())
        /// Counts the jobs that were added. A thread that finds none waits again.
        let jobs = DispatchSemaphore(value: 0)

        /// The next job; nil after the queue has ended. Blocks until there is one.
        func next() -> Job? {
            while true {
                jobs.wait()
                let (job, isClosed) = state.withLock { state in
                    (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isClosed)
                }
                if let job { return job }
                if isClosed { return nil }
            }
        }
    }

    private let shared = Shared()
    private let threads: Int

    /// - Parameter threads: the number of threads, and so of jobs at a time.
    init(threads: Int) {
        self.threads = threads
        for _ in 0..<threads {
            let thread = Thread { [shared] in while let job = shared.next() { job.run() } }
            thread.name = "ouro-background"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    deinit {
        shared.state.withLock { $0.isClosed = true }
        for _ in 0..<threads { shared.jobs.signal() }
    }

    /// The number of jobs that have not started.
    var waitingCount: Int { shared.state.withLock { $0.waiting.count } }

    /// Runs a job, and waits for its result.
    ///
    /// - Throws: any error of `work`. `CancellationError` if the task is cancelled before the job starts; the job then
    ///   never starts. A job that has started runs to its end.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        let number = shared.state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
                let job = Job(
                    number: number, run: { continuation.resume(with: Result { try work() }) },
                    cancel: { continuation.resume(throwing: CancellationError()) })
                // The task may have been cancelled before this point. Its handler has then found no job.
                let isCancelled = shared.state.withLock { state in
                    guard !Task.isCancelled else { return true }
                    state.waiting.append(job)
                    return false
                }
                if isCancelled { job.cancel() } else { shared.jobs.signal() }
            }
        } onCancel: {
            let job = shared.state.withLock { state in
                state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0) }
            }
            job?.cancel()
        }
    }
}
