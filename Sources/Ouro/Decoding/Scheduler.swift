/// Decides which rows run in the next pass, and runs the pass.
///
/// Requests join and leave between passes. The result of a row does not depend on the other rows of its pass. The
/// scheduling policy therefore changes the speed, but never the output.
///
/// Tasks start in the order of their arrival. When the cache is full, an older task takes memory from the youngest one.
/// The preempted task returns to the head of the queue, and later recomputes its positions. The oldest task is never
/// preempted and fits into the cache alone, so it finishes. Then the next task is the oldest.
package final class Scheduler {
    package let device: any PassDevice
    package let pool: KVPool
    package let slots = SlotAllocator()
    package internal(set) var load: EngineLoad
    let rowsPerPass: Int
    /// The number of rows up to which a pass takes little longer than with one row.
    let freeRows: Int
    // Both are sorted by arrival. All tasks in `live` arrived before those in `waiting`.
    var live: [LiveTask] = []
    var waiting: [LiveTask] = []
    // The last task that found no room, and the state of the pool at that time.
    var refusal: (task: any SequenceTask, changes: Int)?

    // The arrays that one step of a pass hands to the next. They keep their memory between passes.
    private var rows: [Row] = []
    private var outcomes: [RowOutcome] = []
    private var readouts: [Readout] = []
    private var results: [ReadoutResult] = []

    /// A task, and its part in the current pass.
    struct LiveTask {
        let task: any SequenceTask
        /// Nil while the task waits.
        var sequence: SequenceCache?
        /// Whether the task was live before.
        var isResumed = false
        /// The last pass that the task took part in.
        var lastPass = -1
        /// The last pass in which the task began a prefill chunk.
        var lastChunk = -1
        var rows: [Row] = []
        var readouts = 0..<0
        var error: OuroError?
        var isDone = false
        /// The rows of the task that are included in `load`.
        var counted = RowCounts()
    }

    /// Makes a scheduler.
    ///
    /// - Parameters:
    ///   - device: the device that runs passes.
    ///   - pool: the pages of the cache.
    ///   - rowsPerPass: most rows of a pass, for all tasks together.
    ///   - freeRows: the number of rows up to which guesses may fill a pass.
    package init(device: any PassDevice, pool: KVPool, rowsPerPass: Int, freeRows: Int = 16) {
        self.device = device
        self.pool = pool
        self.rowsPerPass = max(1, rowsPerPass)
        self.freeRows = freeRows
        load = EngineLoad(cacheBytes: pool.budget)
    }

    /// Whether there is no task.
    package var isIdle: Bool { live.isEmpty && waiting.isEmpty }

    /// Whether a pass would do anything. A paused task does nothing unless it is cancelled.
    var hasWork: Bool {
        if live.isEmpty { return !waiting.isEmpty }
        // A task in the queue starts when a live task ends, or at once.
        let mayStart = waiting.first.map { refusal?.task !== $0.task || refusal?.changes != pool.changes } ?? false
        return mayStart || live.contains { $0.task.progress.isRunnable }
            || waiting.contains { $0.task.progress.isCancelled }
    }

    /// Runs one pass over rows of all live tasks.
    package func runPass() {
        defer { updateLoad() }
        dropCancelled()
        admit()
        plan()
        collectRows()
        guard !rows.isEmpty else { return }
        load.passes += 1
        device.reserveSlots(slots.count)
        device.run(rows, outcomes: &outcomes)
        decide()
        device.readOut(readouts, results: &results)
        // The readouts hold copies of the samplers' contexts. After their release, the tasks change their contexts in
        // place.
        readouts.removeAll(keepingCapacity: true)
        commit()
    }

    private func collectRows() {
        rows.removeAll(keepingCapacity: true)
        for entry in live { rows += entry.rows }
    }

    /// Gives every task the outcomes of its rows, and collects its readouts.
    private func decide() {
        var first = 0
        for index in live.indices where !live[index].rows.isEmpty {
            let end = first + live[index].rows.count
            let start = readouts.count
            do throws(OuroError) {
                readouts += try live[index].task.absorb(outcomes[first..<end])
            } catch {
                live[index].error = error
            }
            live[index].readouts = start..<readouts.count
            first = end
        }
    }

    /// Gives every task the results of its readouts. Finished tasks leave.
    private func commit() {
        for index in live.indices where !live[index].rows.isEmpty {
            let entry = live[index]
            do throws(OuroError) {
                if let error = entry.error { throw error }
                live[index].isDone = try entry.task.absorb(results[entry.readouts])
            } catch {
                live[index].error = error
                live[index].isDone = true
            }
            let counts = entry.task.progress.rowCounts
            load.rows.add(counts, since: entry.counted)
            live[index].counted = counts
        }
        for entry in live where entry.isDone { end(entry.task, entry.error) }
    }

    // MARK: the life of a task

    /// Adds a task to the queue. It starts when the cache has room for it. If it can never fit, it ends with an error.
    package func submit(_ task: any SequenceTask) {
        let demand = task.demand
        let blocks = demand.policy.blocks(
            prompt: demand.promptPositions, positions: demand.maximumPositions, loops: demand.loops,
            layout: pool.layout)
        guard blocks <= pool.capacity else {
            task.finish(
                OuroError(
                    .memoryExceeded,
                    "\(demand.maximumPositions) positions at \(demand.loops) loops need "
                        + "\(Self.memory(blocks * pool.layout.bytesPerBlock)) of cache, more than the budget of "
                        + "\(Self.memory(pool.budget)); ask for fewer tokens or raise the budget"))
            return
        }
        waiting.append(LiveTask(task: task))
    }

    private static func memory(_ bytes: Int) -> String {
        bytes < 16 << 20 ? "\((bytes + 1023) >> 10) KiB" : "\((bytes + 0xF_FFFF) >> 20) MiB"
    }

    /// Ends every task without a result.
    package func cancelAll() {
        for entry in live + waiting { entry.task.finish(nil) }
        (live, waiting, refusal) = ([], [], nil)
        updateLoad()
    }

    private func dropCancelled() {
        for entry in live + waiting where entry.task.progress.isCancelled { end(entry.task, nil) }
    }

    private func end(_ task: any SequenceTask, _ error: OuroError?) {
        live.removeAll { $0.task === task }
        waiting.removeAll { $0.task === task }
        refusal = nil
        task.finish(error)
    }

    private func updateLoad() {
        load.liveRequests = live.count
        load.waitingRequests = waiting.count
        load.pagesInUse = pool.pagesInUse
        load.pagesCached = pool.pagesCached
        load.cacheBytesInUse = pool.blocksInUse * pool.layout.bytesPerBlock
        load.cacheBytesCached = pool.blocksCached * pool.layout.bytesPerBlock
    }
}
