/// Decides which rows go into the next pass, and runs it.
///
/// The plain policy: every live sequence takes part in every pass, with one row when it decodes and with a chunk while it
/// prefills, as long as the pass has room; the others wait their turn. Sequences join and leave between passes. Because a
/// row's result does not depend on its company, the policy changes speed, never output.
final class Scheduler {
    let model: LoopedTransformer
    let pool: KVPool
    private let rowsPerPass: Int
    private var live: [any SequenceTask] = []
    private var waiting: [any SequenceTask] = []

    init(model: LoopedTransformer, pool: KVPool, rowsPerPass: Int) {
        self.model = model
        self.pool = pool
        self.rowsPerPass = max(1, rowsPerPass)
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
        var pass = Pass()
        var parts: [(task: any SequenceTask, rows: Range<Int>)] = []
        for task in live where pass.rows.count < rowsPerPass {
            let start = pass.rows.count
            pass.rows += task.nextRows(limit: rowsPerPass - start)
            parts.append((task, start..<pass.rows.count))
        }
        guard !pass.rows.isEmpty else { return }
        model.run(&pass)
        var wanted: [(part: Int, row: Int)] = []
        var errors: [OuroError?] = parts.map { _ in nil }
        for (index, part) in parts.enumerated() {
            do throws(OuroError) {
                wanted += try part.task.absorb(pass.outcomes[part.rows]).map { (index, $0) }
            } catch {
                errors[index] = error
            }
        }
        readOut(wanted, pass: pass, parts: parts, errors: &errors)
        for (index, part) in parts.enumerated() {
            do throws(OuroError) {
                if let error = errors[index] { throw error }
                if try part.task.endPass() { end(part.task, nil) }
            } catch {
                end(part.task, error)
            }
        }
        // Whoever had a turn goes behind those who had none.
        if parts.count < live.count, let first = live.first, first === parts.first?.task {
            live = Array(live.dropFirst(parts.count)) + live.prefix(parts.count)
        }
    }

    private func readOut(
        _ wanted: [(part: Int, row: Int)], pass: Pass, parts: [(task: any SequenceTask, rows: Range<Int>)],
        errors: inout [OuroError?]
    ) {
        for start in stride(from: 0, to: wanted.count, by: LoopedTransformer.readoutBatch) {
            let batch = wanted[start..<min(start + LoopedTransformer.readoutBatch, wanted.count)]
            let slots = batch.map { pass.rows[parts[$0.part].rows.lowerBound + $0.row].slot }
            let logits = model.logits(slots: slots[...])
            for (index, item) in batch.enumerated() where errors[item.part] == nil {
                do throws(OuroError) {
                    let values = UnsafeMutableBufferPointer(start: logits.row(index), count: logits.columns)
                    try parts[item.part].task.absorb(logits: values, row: item.row, kernels: model.kernels)
                } catch {
                    errors[item.part] = error
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
            live.append(task)
            waiting.removeFirst()
        }
    }

    /// Ends every task without a result.
    func cancelAll() {
        for task in live + waiting { task.finish(nil) }
        (live, waiting) = ([], [])
    }

    private func drop(_ isGone: (any SequenceTask) -> Bool) {
        for task in live where isGone(task) { end(task, nil) }
    }

    private func end(_ task: any SequenceTask, _ error: OuroError?) {
        live.removeAll { $0 === task }
        task.finish(error)
    }
}
