import OuroKernels

/// Rows for consecutive positions of one sequence at one loop. They read the same keys and values.
struct AttentionRun: BitwiseCopyable {
    var first: Int
    var count: Int
}

/// The arguments of one layer's attention, for worker threads.
private struct AttentionStep: BitwiseCopyable {
    let pass: LoopedTransformer.ForwardPass
    let layer: Int
    /// The operand that the result is packed for.
    let output: LoopedTransformer.Operand
}

extension LoopedTransformer {
    /// The number of rows of one KV head that a thread rotates and stores at a time.
    private static let rowsPerStore = 16

    /// If the rows of a pass attend to fewer positions than this in total, one thread does all steps of a head.
    private static let positionsWorthSharing = 1 << 13

    /// Threads take whole heads only if there are at least this many KV heads for each thread.
    private static let headsPerThread = 4

    private static func storeBlocks(_ rows: Int) -> Int { (rows + rowsPerStore - 1) / rowsPerStore }

    /// Whether one thread does all attention steps of a head, because a head has little work.
    ///
    /// The threads then wait for each other once instead of three times, and a thread mostly reads its own results.
    func attendsByHead(_ rows: UnsafeBufferPointer<CPURow>, runs: Int) -> Bool {
        Self.storeBlocks(rows.count) == 1
            && configuration.keyValueHeadCount >= Self.headsPerThread * pool.threadCount
            && (runs == 1 || rows.reduce(0) { $0 + $1.position } < Self.positionsWorthSharing)
    }

    /// Rotates queries and keys, stores keys and values, attends, and packs the result for the output projection.
    func attend(_ pass: ForwardPass, layer: Int, packingFor matrix: PackedMatrix) -> Operand {
        let heads = configuration.keyValueHeadCount
        let output = Operand(work.attended, matrix, rows: pass.rows.count, tiles: work.packed)
        let step = AttentionStep(pass: pass, layer: layer, output: output)
        if pass.attendsByHead && columnsPerHead % output.group == 0 {
            pool.forEach(heads, for: self, step) { model, step, head, worker in
                model.attendHead(head, step, worker: worker)
            }
            return output
        }
        pool.forEach(heads * Self.storeBlocks(pass.rows.count), for: self, step) { model, step, item, _ in
            model.rotateAndStore(item, step)
        }
        pool.forEach(heads * pass.runs.count, for: self, step) { model, step, item, worker in
            model.attend(item, step, worker: worker)
        }
        return pack(work.attended, for: matrix, rows: pass.rows.count)
    }

    private func attendHead(_ head: Int, _ step: AttentionStep, worker: Int) {
        rotateAndStore(head, step)
        for run in step.pass.runs.indices { attend(head * step.pass.runs.count + run, step, worker: worker) }
        step.output.pack(head * columnsPerHead..<(head + 1) * columnsPerHead, kernels)
    }

    /// The number of attention outputs of one KV head: one head dimension for each query head that shares it.
    private var columnsPerHead: Int {
        configuration.headCount / configuration.keyValueHeadCount * configuration.headDimension
    }

    /// Rotates the queries and keys of one KV head for some rows, and stores the keys and values.
    private func rotateAndStore(_ item: Int, _ step: AttentionStep) {
        let (depth, heads) = (configuration.headDimension, configuration.keyValueHeadCount)
        let rows = step.pass.rows
        let (head, block) = item.quotientAndRemainder(dividingBy: Self.storeBlocks(rows.count))
        for index in block * Self.rowsPerStore..<min((block + 1) * Self.rowsPerStore, rows.count) {
            let row = rows[index]
            let queries = work.queryKeyValue.row(index) + head * (columnsPerHead + 2 * depth)
            let (keys, values) = (queries + columnsPerHead, queries + columnsPerHead + depth)
            kernels.table.rope(queries, columnsPerHead / depth + 1, depth, work.cosine.row(index), work.sine.row(index))
            if let sums = row.sums {
                let sum = sums.row(step.layer) + head * depth
                KVCollapse.add(keys, count: depth, to: sum, first: row.loop == 1)
                KVCollapse.add(values, count: depth, to: sum + heads * depth, first: row.loop == 1)
            }
            kernels.cache.store(
                layout.type.element, keys, values, depth, layout.valueStride,
                row.position % KVLayout.positionsPerBlock, row.block + layout.keyOffset(layer: step.layer, head: head),
                row.block + layout.valueOffset(layer: step.layer, head: head))
        }
    }

    /// Computes the attention of one run and one KV head. Consecutive items read the same keys and values.
    private func attend(_ item: Int, _ step: AttentionStep, worker: Int) {
        let depth = configuration.headDimension
        let group = configuration.headCount / configuration.keyValueHeadCount
        let (head, index) = item.quotientAndRemainder(dividingBy: step.pass.runs.count)
        let run = step.pass.runs[index]
        let row = step.pass.rows[run.first]
        var job = ouro_attention(
            query: work.queryKeyValue.row(run.first) + head * (columnsPerHead + 2 * depth),
            output: work.attended.row(run.first) + head * columnsPerHead,
            query_stride: work.queryKeyValue.stride, output_stride: work.attended.stride,
            blocks: row.blocks, key_offset: layout.keyOffset(layer: step.layer, head: head),
            value_offset: layout.valueOffset(layer: step.layer, head: head), value_stride: layout.valueStride,
            scratch: work.attention.row(worker), position: Int64(row.position),
            window: Int64(configuration.slidingWindows[step.layer] ?? 0), rows: Int32(run.count), heads: Int32(group),
            head_dimension: Int32(depth), scale: 1 / Float(depth).squareRoot(), element: layout.type.element,
            compressed_pages: Int64(row.compressedPages),
            compressed_offset: layout.compressedOffset(layer: step.layer, head: head, loops: row.loops),
            loops: Int32(row.loops), loop: Int32(row.loop), expanded: work.expansion.row(worker))
        kernels.table.attend(&job)
    }
}
