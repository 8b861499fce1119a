import Foundation
import Synchronization

/// The dedicated thread that owns a model and runs its passes. No other code uses the model.
///
/// Other threads hand over work as closures, which run between two passes. The thread sleeps while there is nothing to
/// run.
final class EngineThread: @unchecked Sendable {
    private let condition = NSCondition()
    private var inbox: [@Sendable (Scheduler) -> Void] = []
    private var stopping = false
    private let board: LoadBoard

    /// The scheduler's load after the last pass. Any thread may read it.
    var load: EngineLoad { board.load }

    /// Starts the thread. Only this thread uses the scheduler from now on.
    init(scheduler: sending Scheduler) {
        board = LoadBoard(scheduler.load)
        let owned = Transfer(scheduler)
        let thread = Thread { [self] in run(owned.value) }
        thread.name = "ouro-engine"
        thread.stackSize = Kernels.stackSize
        thread.qualityOfService = .userInitiated
        thread.start()
    }

    /// Runs `body` on the thread, between two passes.
    func perform(_ body: @escaping @Sendable (Scheduler) -> Void) {
        condition.lock()
        inbox.append(body)
        condition.signal()
        condition.unlock()
    }

    /// Lets the thread look again at paused tasks.
    func wake() { perform { _ in } }

    /// Ends the thread after the current pass.
    func stop() {
        condition.lock()
        stopping = true
        condition.signal()
        condition.unlock()
    }

    private func run(_ scheduler: Scheduler) {
        while true {
            condition.lock()
            while inbox.isEmpty && !scheduler.hasWork && !stopping { condition.wait() }
            let work = inbox
            inbox = []
            let ends = stopping
            condition.unlock()
            for body in work { body(scheduler) }
            if ends { return scheduler.cancelAll() }
            scheduler.runPass()
            board.load = scheduler.load
        }
    }

    /// Carries a value to the only thread that uses it.
    private struct Transfer: @unchecked Sendable {
        let value: Scheduler
        init(_ value: Scheduler) { self.value = value }
    }
}
