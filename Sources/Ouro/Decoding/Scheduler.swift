/// What a scheduler needs of a model; tests put a table in its place.
protocol PassModel: AnyObject {
    var layout: KVLayout { get }
    var kernels: Kernels { get }
    var states: RowStates { get }
    func run(_ pass: inout Pass)
    /// The logits of at most ``LoopedTransformer/readoutBatch`` rows, overwritten by the next call.
    func logits(slots: ArraySlice<Int>) -> FloatRows
}

extension LoopedTransformer: PassModel {}

/// Decides which rows go into the next pass, and runs it.
///
/// First come rows on final tokens and the loops of chunks under way, then new chunks of prompts, those first that have
/// waited longest, then rows on guesses, as long as they cost next to nothing (`freeRows`). Sequences join and leave
/// between passes. Because a row's result does not depend on its company, the policy changes speed, never output.
///
/// Tasks start in the order they came. When the cache runs out, an older task takes memory from the one that joined last,
/// which goes back to the head of the queue and later computes again what it had. Nobody takes from the oldest, which fits
/// by itself: so it ends, and then the next one is the oldest.
final class Scheduler {
    let model: any PassModel
    let pool: KVPool
    private(set) var load: EngineLoad
    private let rowsPerPass: Int
    /// Rows up to which a pass costs little more than with one.
    private let freeRows: Int
    // Both in the order the tasks came, and all of `live` before `waiting`.
    private var live: [Entry] = []
    private var waiting: [Entry] = []
    // The task that last had no room, and the state of the pool then.
    private var refusal: (task: any SequenceTask, changes: Int)?

    private struct Entry {
        let task: any SequenceTask
        /// Whether it has been live before.
        var isResumed = false
        /// The pass it last took part in, and the one in which it last began a chunk.
        var lastPass = -1
        var lastChunk = -1
        /// Its rows in the pass under way.
        var rows: [Int] = []
    }

    init(model: any PassModel, pool: KVPool, rowsPerPass: Int, freeRows: Int = 16) {
        self.model = model
        self.pool = pool
        self.rowsPerPass = max(1, rowsPerPass)
        self.freeRows = freeRows
        load = EngineLoad(cacheBytes: pool.budget)
    }

    var isIdle: Bool { live.isEmpty && waiting.isEmpty }

    /// Takes a task in; it starts when the cache has room for it.
    func submit(_ task: any SequenceTask) {
        let blocks = task.policy.blocks(
            prompt: task.promptPositions, positions: task.maximumPositions, loops: task.loops, layout: pool.layout)
        guard blocks <= pool.capacity else {
            task.finish(
                OuroError(
                    .memoryExceeded,
                    "\(task.maximumPositions) positions at \(task.loops) loops need "
                        + "\(Self.memory(blocks * pool.layout.bytesPerBlock)) of cache, more than the budget of "
                        + "\(Self.memory(pool.budget)); ask for fewer tokens or raise the budget"))
            return
        }
        waiting.append(Entry(task: task))
    }

    private static func memory(_ bytes: Int) -> String {
        bytes < 16 << 20 ? "\((bytes + 1023) >> 10) KiB" : "\((bytes + 0xF_FFFF) >> 20) MiB"
    }

    /// Runs one pass over rows of all live tasks.
    func runPass() {
        defer { takeStock() }
        dropCancelled()
        admit()
        makeRoom()
        var pass = Pass(rows: formPass())
        guard !pass.rows.isEmpty else { return }
        load.passes += 1
        let before = live.map(\.task.rowCounts)
        model.run(&pass)
        var wanted: [(entry: Int, row: Int)] = []
        var errors: [OuroError?] = live.map { _ in nil }
        for (index, entry) in live.enumerated() where !entry.rows.isEmpty {
            do throws(OuroError) {
                wanted += try entry.task.absorb(entry.rows.map { pass.outcomes[$0] }).map { (index, $0) }
            } catch {
                errors[index] = error
            }
        }
        readOut(wanted, pass: pass, errors: &errors)
        for (index, entry) in live.enumerated() where !entry.rows.isEmpty {
            do throws(OuroError) {
                if let error = errors[index] { throw error }
                if try entry.task.endPass() { end(entry.task, nil) }
            } catch {
                end(entry.task, error)
            }
            load.rows.add(entry.task.rowCounts, since: before[index])
        }
    }

    /// Every task's next step gets its pages, the oldest task first, at the cost of the youngest. Who gets none waits.
    private func makeRoom() {
        var index = 0
        while index < live.count {
            let task = live[index].task
            let needed = task.requiredPositions
            while let cache = task.cache, cache.reserve(upTo: needed) < needed, live.count > index + 1 { preemptLast() }
            index += 1
        }
    }

    private func preemptLast() {
        let entry = live.removeLast()
        entry.task.preempt()
        waiting.insert(Entry(task: entry.task, isResumed: true), at: 0)
        load.preemptions += 1
    }

    private func formPass() -> [Row] {
        var rows: [Row] = []
        func add(_ new: [Row], to index: Int) {
            live[index].rows += rows.count..<(rows.count + new.count)
            rows += new
            if !new.isEmpty { live[index].lastPass = load.passes }
        }
        for index in live.indices { live[index].rows.removeAll(keepingCapacity: true) }
        // Whoever had no turn for longest comes first.
        var skipped: Set<Int> = []
        for index in live.indices.sorted(by: { live[$0].lastPass < live[$1].lastPass }) {
            if rows.isEmpty || rows.count + live[index].task.requiredRowCount <= rowsPerPass {
                add(live[index].task.requiredRows(), to: index)
            } else {
                skipped.insert(index)
            }
        }
        for index in live.indices.sorted(by: { live[$0].lastChunk < live[$1].lastChunk })
        where rows.count < rowsPerPass && !skipped.contains(index) {
            let chunk = live[index].task.prefillRows(limit: rowsPerPass - rows.count)
            if !chunk.isEmpty { live[index].lastChunk = load.passes }
            add(chunk, to: index)
        }
        for index in live.indices where rows.count < min(freeRows, rowsPerPass) && !skipped.contains(index) {
            add(live[index].task.draftRows(limit: min(freeRows, rowsPerPass) - rows.count), to: index)
        }
        return rows
    }

    private func readOut(_ wanted: [(entry: Int, row: Int)], pass: Pass, errors: inout [OuroError?]) {
        for start in stride(from: 0, to: wanted.count, by: LoopedTransformer.readoutBatch) {
            let batch = wanted[start..<min(start + LoopedTransformer.readoutBatch, wanted.count)]
            let slots = batch.map { pass.rows[live[$0.entry].rows[$0.row]].slot }
            let logits = model.logits(slots: slots[...])
            for (index, item) in batch.enumerated() where errors[item.entry] == nil {
                do throws(OuroError) {
                    let values = UnsafeMutableBufferPointer(start: logits.row(index), count: logits.columns)
                    try live[item.entry].task.absorb(logits: values, row: item.row, kernels: model.kernels)
                } catch {
                    errors[item.entry] = error
                }
            }
        }
    }

    /// Starts waiting tasks, in order, while there is room for what they know and a page more.
    private func admit() {
        while let entry = waiting.first {
            let task = entry.task
            if let refusal, refusal.task === task, refusal.changes == pool.changes { return }
            let cache = SequenceCache(
                pool: pool, maximumPositions: task.maximumPositions, loops: task.loops, salt: task.cacheSalt,
                policy: task.policy, prompt: task.promptPositions)
            let reusable = task.reusableTokens
            let cached = cache.takePrefix(of: reusable)
            let promised = live.reduce(0) { $0 + blocksToCome($1.task, cache: $1.task.cache) }
            guard live.isEmpty || pool.blocksInUse + promised + blocksToCome(task, cache: cache) <= pool.capacity else {
                cache.release()
                refusal = (task, pool.changes)
                return
            }
            if !entry.isResumed {
                load.prefixQueries += reusable.count
                load.prefixHits += cached
            }
            refusal = nil
            task.start(cache: cache, cached: cached, states: model.states)
            live.append(entry)
            waiting.removeFirst()
        }
    }

    /// Blocks that a task will take before long: for the positions it knows, and a page more.
    private func blocksToCome(_ task: any SequenceTask, cache: SequenceCache?) -> Int {
        let positions = min(task.knownPositions + KVLayout.positionsPerBlock, task.maximumPositions)
        guard let cache else { return 0 }
        return cache.blocksToCome(cache.isCollapsed ? positions : min(positions, task.promptPositions))
    }

    /// Ends every task without a result.
    func cancelAll() {
        for entry in live + waiting { entry.task.finish(nil) }
        (live, waiting, refusal) = ([], [], nil)
        takeStock()
    }

    private func dropCancelled() {
        for entry in live + waiting where entry.task.isCancelled { end(entry.task, nil) }
    }

    private func end(_ task: any SequenceTask, _ error: OuroError?) {
        live.removeAll { $0.task === task }
        waiting.removeAll { $0.task === task }
        refusal = nil
        task.finish(error)
    }

    private func takeStock() {
        load.liveRequests = live.count
        load.waitingRequests = waiting.count
        load.pagesInUse = pool.pagesInUse
        load.pagesCached = pool.pagesCached
        load.cacheBytesInUse = pool.blocksInUse * pool.layout.bytesPerBlock
        load.cacheBytesCached = pool.blocksCached * pool.layout.bytesPerBlock
    }
}
