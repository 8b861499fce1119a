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
final class Scheduler {
    let model: any PassModel
    let pool: KVPool
    private let rowsPerPass: Int
    /// Rows up to which a pass costs little more than with one.
    private let freeRows: Int
    private var live: [Entry] = []
    private var waiting: [any SequenceTask] = []
    private var passes = 0

    private struct Entry {
        let task: any SequenceTask
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
    }

    var isIdle: Bool { live.isEmpty && waiting.isEmpty }

    /// Takes a task in; it starts when the cache has room for it.
    func submit(_ task: any SequenceTask) {
        let blocks = pool.layout.blocks(positions: task.maximumPositions, loops: task.loops)
        guard blocks <= pool.capacity else {
            let (needed, budget) = (blocks * pool.layout.bytesPerBlock, pool.capacity * pool.layout.bytesPerBlock)
            task.finish(
                OuroError(
                    .memoryExceeded,
                    "\(task.maximumPositions) positions at \(task.loops) loops need \(needed >> 20) MiB of cache, more "
                        + "than the budget of \(budget >> 20) MiB; ask for fewer tokens or raise the budget"))
            return
        }
        waiting.append(task)
    }

    /// Runs one pass over rows of all live tasks.
    func runPass() {
        admit()
        drop { $0.isCancelled }
        var pass = Pass(rows: formPass())
        guard !pass.rows.isEmpty else { return }
        passes += 1
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
        for (entry, error) in zip(live, errors) where !entry.rows.isEmpty {
            do throws(OuroError) {
                if let error { throw error }
                if try entry.task.endPass() { end(entry.task, nil) }
            } catch {
                end(entry.task, error)
            }
        }
    }

    private func formPass() -> [Row] {
        var rows: [Row] = []
        func add(_ new: [Row], to index: Int) {
            live[index].rows += rows.count..<(rows.count + new.count)
            rows += new
            if !new.isEmpty { live[index].lastPass = passes }
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
            if !chunk.isEmpty { live[index].lastChunk = passes }
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

    private func admit() {
        while let task = waiting.first {
            if task.isCancelled {
                waiting.removeFirst()
                task.finish(nil)
                continue
            }
            guard let cache = SequenceCache(pool: pool, positions: task.maximumPositions, loops: task.loops) else {
                return
            }
            task.start(cache: cache, states: model.states)
            live.append(Entry(task: task))
            waiting.removeFirst()
        }
    }

    /// Ends every task without a result.
    func cancelAll() {
        for task in live.map(\.task) + waiting { task.finish(nil) }
        (live, waiting) = ([], [])
    }

    private func drop(_ isGone: (any SequenceTask) -> Bool) {
        for entry in live where isGone(entry.task) { end(entry.task, nil) }
    }

    private func end(_ task: any SequenceTask, _ error: OuroError?) {
        live.removeAll { $0.task === task }
        task.finish(error)
    }
}
