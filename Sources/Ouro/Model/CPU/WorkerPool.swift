import Foundation
import OuroKernels
import Synchronization

/// Threads that share the items of one parallel region after another.
///
/// The pool is a handle: the threads own ``Workers`` and know nothing of the pool, so dropping the pool ends them.
///
/// Results must not depend on which thread runs an item: every item writes its own part of the output.
package final class WorkerPool: Sendable {
    /// Threads that work on a region, the caller's included.
    package let threadCount: Int

    fileprivate typealias Body = (_ item: Int, _ worker: Int) -> Void
    private typealias Job = Workers.Job

    let workers: Workers

    /// Starts `threadCount - 1` threads.
    package init(threadCount: Int) {
        self.threadCount = max(1, threadCount)
        workers = Workers(threadCount: self.threadCount)
        workers.start()
    }

    /// Ends the threads and waits until they have ended.
    deinit { workers.stop() }

    /// Runs `body` once for every item in `0..<count`, on any thread and in any order, and returns when all are done.
    ///
    /// `body` gets the item and the number of the worker that runs it (`0..<threadCount`), for scratch memory.
    /// `alone` keeps small work on the calling thread.
    package func forEach(_ count: Int, alone: Bool = false, _ body: (_ item: Int, _ worker: Int) -> Void) {
        if threadCount == 1 || count <= 1 || alone {
            for item in 0..<count { body(item, 0) }
            return
        }
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body) { pointer in
                run(
                    Job(argument: UnsafeRawPointer(pointer)) { argument, item, worker in
                        argument.assumingMemoryBound(to: Body.self).pointee(item, worker)
                    }, count: count)
            }
        }
    }

    /// The same for a body that captures nothing. It is given `owner` and `context` instead. Allocates nothing; a closure
    /// that captures does.
    func forEach<Owner: AnyObject, Context: BitwiseCopyable>(
        _ count: Int, for owner: Owner, _ context: Context, alone: Bool = false,
        _ body: @escaping (_ owner: Owner, _ context: Context, _ item: Int, _ worker: Int) -> Void
    ) {
        if threadCount == 1 || count <= 1 || alone {
            for item in 0..<count { body(owner, context, item, 0) }
            return
        }
        // The threads do not count their references to the owner: they would contend for the counter's cache line.
        withExtendedLifetime(owner) {
            withUnsafePointer(to: (Unmanaged.passUnretained(owner), context, body)) { pointer in
                run(
                    Job(argument: UnsafeRawPointer(pointer)) { argument, item, worker in
                        let pointer = argument.assumingMemoryBound(
                            to: (Unmanaged<Owner>, Context, (Owner, Context, Int, Int) -> Void).self)
                        pointer.pointee.0._withUnsafeGuaranteedRef {
                            pointer.pointee.2($0, pointer.pointee.1, item, worker)
                        }
                    }, count: count)
            }
        }
    }

    private func run(_ job: Job, count: Int) { workers.run(job, count: count) }
}

/// What the threads of a ``WorkerPool`` share: the current region, and whether to go on.
///
/// Every worker has a range of neighbouring items of its own, so that it reads memory in one stream. When its range is empty it
/// takes items of the others. It claims half of what a range still has, so that a slow thread takes fewer items. A region ends
/// when the workers that *entered* it have left: a worker that the system has not scheduled meanwhile is not waited for.
/// Between regions workers spin for a while, then sleep, so an idle engine uses no processor.
final class Workers: @unchecked Sendable {
    /// What a region runs: a function and its argument, both alive until the region ends.
    struct Job {
        let argument: UnsafeRawPointer
        let call: (_ argument: UnsafeRawPointer, _ item: Int, _ worker: Int) -> Void
    }

    private let threadCount: Int
    // A region is open while `state`'s lowest bit is set. The bits above count the workers inside; the upper half is the
    // region's number. The job's fields are written while the region is closed and empty.
    private let state = Atomic<UInt64>(0)
    /// How many items of every worker's range are claimed.
    private let claimed: Counters
    private let stopping = Atomic<Bool>(false)
    private let sleepers = Atomic<Int>(0)
    var sleepingThreads: Int { sleepers.load(ordering: .sequentiallyConsistent) }
    private let wake = NSCondition()
    private var job: Job?
    private var itemCount = 0
    /// Threads that have been started and have not ended; `wake` guards it.
    private var live = 0

    private static let open: UInt64 = 1
    private static let oneWorker: UInt64 = 2
    private static let oneRegion: UInt64 = 1 << 32
    private static let spins = 40_000

    init(threadCount: Int) {
        self.threadCount = threadCount
        claimed = Counters(count: threadCount)
    }

    /// Starts a thread for every worker but the caller.
    func start() {
        live = threadCount - 1
        for index in 1..<max(2, threadCount) where threadCount > 1 {
            let thread = Thread { [self] in
                work(as: index)
                wake.withLock {
                    live -= 1
                    wake.broadcast()
                }
            }
            thread.name = "ouro-worker-\(index)"
            thread.stackSize = Kernels.stackSize
            thread.start()
        }
    }

    /// Ends the threads and returns when the last one has ended. No region may be open.
    func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        wake.withLock {
            wake.broadcast()
            while live > 0 { wake.wait() }
        }
    }

    /// Threads that have not ended.
    var liveThreads: Int { wake.withLock { live } }

    /// Opens a region, works in it as worker 0, and returns when every worker that entered it has left.
    func run(_ job: Job, count: Int) {
        self.job = job
        itemCount = count
        claimed.clear()
        state.wrappingAdd(Self.oneRegion | Self.open, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            wake.lock()
            wake.broadcast()
            wake.unlock()
        }
        claimItems(job, worker: 0)
        state.wrappingSubtract(Self.open, ordering: .acquiringAndReleasing)
        var spin = 0
        while UInt32(truncatingIfNeeded: state.load(ordering: .acquiring)) != 0 { Self.relax(&spin) }
        self.job = nil
    }

    private func claimItems(_ job: Job, worker: Int) {
        for distance in 0..<threadCount {
            let owner = (worker + distance) % threadCount
            let (first, end) = (owner * itemCount / threadCount, (owner + 1) * itemCount / threadCount)
            while let items = claimed.next(owner, of: end - first) {
                for item in items { job.call(job.argument, first + item, worker) }
            }
        }
    }

    private func work(as worker: Int) {
        var lastRegion: UInt64 = 0
        while let region = awaitRegion(after: lastRegion) {
            lastRegion = region
            var seen = state.load(ordering: .acquiring)
            while seen & Self.open != 0 && seen >> 32 == region {
                let (entered, current) = state.compareExchange(
                    expected: seen, desired: seen + Self.oneWorker, ordering: .acquiringAndReleasing)
                if entered {
                    if let job { claimItems(job, worker: worker) }
                    state.wrappingSubtract(Self.oneWorker, ordering: .acquiringAndReleasing)
                    break
                }
                seen = current
            }
        }
    }

    /// The number of a region later than `last`, or nil when the threads are to end.
    private func awaitRegion(after last: UInt64) -> UInt64? {
        for spin in 0..<Self.spins {
            let region = state.load(ordering: .acquiring) >> 32
            if region != last { return region }
            if stopping.load(ordering: .relaxed) { return nil }
            if spin & 1023 == 1023 { sched_yield() } else { ouro_pause() }
        }
        wake.lock()
        defer { wake.unlock() }
        sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        while true {
            let region = state.load(ordering: .sequentiallyConsistent) >> 32
            if region != last { return region }
            if stopping.load(ordering: .sequentiallyConsistent) { return nil }
            wake.wait()
        }
    }

    /// One step of waiting for another thread: a short pause, now and then the processor for somebody else.
    private static func relax(_ spin: inout Int) {
        spin += 1
        if spin & 255 == 255 { sched_yield() } else { ouro_pause() }
    }
}

/// Counters that different threads raise, each on a cache line of its own.
private final class Counters: Sendable {
    private static let stride = 64 / MemoryLayout<Atomic<Int>>.stride
    private nonisolated(unsafe) let base: UnsafeMutablePointer<Atomic<Int>>
    private let count: Int

    init(count: Int) {
        self.count = count
        base = .allocate(capacity: (count + 1) * Self.stride)
        for index in 0..<count { (base + index * Self.stride).initialize(to: Atomic(0)) }
    }

    deinit {
        for index in 0..<count { (base + index * Self.stride).deinitialize(count: 1) }
        base.deallocate()
    }

    func clear() {
        for index in 0..<count { base[index * Self.stride].store(0, ordering: .relaxed) }
    }

    /// Claims half of what is left of `count` items, nil if nothing is: claiming one by one, a thread would wait for all it
    /// has asked of the memory at every item.
    func next(_ index: Int, of count: Int) -> Range<Int>? {
        let counter = base + index * Self.stride
        let step = max(1, (count - counter.pointee.load(ordering: .relaxed)) / 2)
        let first = counter.pointee.wrappingAdd(step, ordering: .relaxed).oldValue
        return first < count ? first..<min(first + step, count) : nil
    }
}

// MARK: for tests

extension WorkerPool {
    /// Threads that sleep because no region has begun for a while.
    var sleepingThreads: Int { workers.sleepingThreads }
}
