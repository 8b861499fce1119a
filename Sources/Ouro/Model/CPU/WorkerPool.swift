import Foundation
import OuroKernels
import Synchronization

/// Threads that share the items of parallel regions, one region at a time.
///
/// The pool is a handle. The threads own `Workers` and do not refer to the pool, so releasing the pool ends them.
///
/// What must stay true: results do not depend on which thread runs an item. Every item therefore writes its own part of
/// the output.
package final class WorkerPool: Sendable {
    /// The number of threads that work on a region, including the calling thread.
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

    /// Ends the threads and waits for them.
    deinit { workers.stop() }

    /// Runs `body` once for every item in `0..<count`, on any thread and in any order. Returns when all items are done.
    ///
    /// - Parameters:
    ///   - count: the number of items.
    ///   - alone: whether the calling thread runs all items, because they are too little work to share.
    ///   - body: receives the item and the number of the worker that runs it (`0..<threadCount`), for scratch memory.
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

    /// Runs a body that captures nothing, once for every item. The body receives `owner` and `context` instead.
    ///
    /// This function allocates nothing, whereas a closure that captures values allocates memory.
    func forEach<Owner: AnyObject, Context: BitwiseCopyable>(
        _ count: Int, for owner: Owner, _ context: Context, alone: Bool = false,
        _ body: @escaping (_ owner: Owner, _ context: Context, _ item: Int, _ worker: Int) -> Void
    ) {
        if threadCount == 1 || count <= 1 || alone {
            for item in 0..<count { body(owner, context, item, 0) }
            return
        }
        // The threads take no references to the owner, because they would contend for the cache line of its reference
        // count.
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

/// The state that the threads of a `WorkerPool` share.
///
/// - Every worker has a range of adjacent items of its own, so that it reads memory in one stream. When its range is
///   empty, it takes items from the other ranges.
/// - A worker claims half of the items that are left in a range, so that a slow thread claims fewer.
/// - A region ends when the workers that have *entered* it have left. It does not wait for workers that the system has
///   not scheduled.
/// - Between regions, workers spin for a while and then sleep. An idle engine therefore uses no processor time.
final class Workers: @unchecked Sendable {
    /// The work of a region: a function and its argument. Both stay valid until the region ends.
    struct Job {
        let argument: UnsafeRawPointer
        let call: (_ argument: UnsafeRawPointer, _ item: Int, _ worker: Int) -> Void
    }

    private let threadCount: Int
    // The lowest bit is set while a region is open. The next bits count the workers inside it. The upper half is the
    // number of the region. The job's fields are written only while the region is closed and empty.
    private let state = Atomic<UInt64>(0)
    /// The number of claimed items in every worker's range.
    private let claimed: Counters
    private let stopping = Atomic<Bool>(false)
    private let sleepers = Atomic<Int>(0)
    /// The number of threads that sleep.
    var sleepingThreads: Int { sleepers.load(ordering: .sequentiallyConsistent) }
    private let wake = NSCondition()
    private var job: Job?
    private var itemCount = 0
    /// Threads that have been started and have not ended. `wake` guards it.
    private var live = 0

    private static let open: UInt64 = 1
    private static let oneWorker: UInt64 = 2
    private static let oneRegion: UInt64 = 1 << 32
    private static let spins = 40_000

    init(threadCount: Int) {
        self.threadCount = threadCount
        claimed = Counters(count: threadCount)
    }

    /// Starts one thread for each worker but the calling thread.
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

    /// Ends the threads and waits for them. No region may be open.
    func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        wake.withLock {
            wake.broadcast()
            while live > 0 { wake.wait() }
        }
    }

    /// The number of threads that have not ended.
    var liveThreads: Int { wake.withLock { live } }

    /// Opens a region and works in it as worker 0. Returns when every worker that has entered it has left.
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

    /// Runs items of the worker's own range, then of the other ranges.
    private func claimItems(_ job: Job, worker: Int) {
        for distance in 0..<threadCount {
            let owner = (worker + distance) % threadCount
            let (first, end) = (owner * itemCount / threadCount, (owner + 1) * itemCount / threadCount)
            while let items = claimed.next(owner, of: end - first) {
                for item in items { job.call(job.argument, first + item, worker) }
            }
        }
    }

    /// Runs regions until the threads end.
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

    /// Waits for a region after `last` and returns its number. Nil if the threads are to end.
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

    /// One step of waiting for another thread: a short pause, or sometimes a yield of the processor.
    private static func relax(_ spin: inout Int) {
        spin += 1
        if spin & 255 == 255 { sched_yield() } else { ouro_pause() }
    }
}

/// Counters for different threads, each on a cache line of its own.
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

    /// Claims half of the items that are left of `count`. Nil if none is left.
    ///
    /// If a thread claimed items one by one, it would wait for its outstanding memory accesses at every item.
    func next(_ index: Int, of count: Int) -> Range<Int>? {
        let counter = base + index * Self.stride
        let step = max(1, (count - counter.pointee.load(ordering: .relaxed)) / 2)
        let first = counter.pointee.wrappingAdd(step, ordering: .relaxed).oldValue
        return first < count ? first..<min(first + step, count) : nil
    }
}

// MARK: for tests

extension WorkerPool {
    /// The number of threads that sleep because no region has begun for a while.
    var sleepingThreads: Int { workers.sleepingThreads }
}
