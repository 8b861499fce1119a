import OuroKernels

/// The model: one stack of layers that a pass applies once to a batch of rows.
///
/// Knows nothing of requests, sampling or text. Owned by one thread; its kernels share their work with the pool's.
///
/// Reference: `OuroModel.forward` of the published code; the names of its norms are misleading
/// (`post_attention_layernorm` stands *before* the MLP).
final class LoopedTransformer {
    let configuration: ModelConfiguration
    let layout: KVLayout
    let kernels: Kernels
    let pool: WorkerPool
    let states: RowStates
    private let weights: ModelWeights
    private let rope: RotaryEmbedding
    private var work: Workspace
    private var runs: [AttentionRun] = []
    private var logitRows: FloatRows

    /// Rows of logits computed in one go.
    static let readoutBatch = 16

    /// Called with the residual stream after every layer, before the final norm (for tests).
    var layerTap: ((_ layer: Int, _ row: Int, _ residual: [Float]) -> Void)?

    /// - Parameters:
    ///   - firstPosition: what RoPE takes as the position of a sequence's first token.
    init(
        configuration: ModelConfiguration, weights: ModelWeights, kernels: Kernels, pool: WorkerPool,
        kvType: KVType = .f32, firstPosition: Int = 0
    ) {
        self.configuration = configuration
        self.weights = weights
        self.kernels = kernels
        self.pool = pool
        layout = KVLayout(configuration, type: kvType)
        rope = RotaryEmbedding(configuration, firstPosition: firstPosition)
        states = RowStates(hiddenSize: configuration.hiddenSize)
        work = Workspace(
            rows: 1, configuration: configuration, weights: weights, workers: pool.threadCount, kernels: kernels)
        logitRows = FloatRows(rows: Self.readoutBatch, columns: configuration.vocabularySize)
    }

    /// Applies the layer stack once to every row: writes its keys and values, replaces the hidden state in its slot by the
    /// normalised output, and records its gate.
    func run(_ pass: inout Pass) {
        let rows = pass.rows
        prepare(rows)
        let epsilon = configuration.rmsNormEpsilon
        let hidden = configuration.hiddenSize
        for (index, layer) in weights.layers.enumerated() {
            pool.forEach(rows.count) { [work, kernels] row, _ in
                kernels.table.rms_norm(work.residual.row(row), layer.inputNorm, hidden, epsilon, work.normed.row(row))
            }
            multiply(work.normed, layer.queryKeyValue, into: work.queryKeyValue, rows: rows.count)
            attend(rows, layer: index)
            multiply(work.attended, layer.attentionOutput, into: work.projected, rows: rows.count)
            pool.forEach(rows.count) { [work, kernels] row, _ in
                let residual = work.residual.row(row)
                kernels.table.add_rms_norm(residual, work.projected.row(row), layer.attentionNorm, hidden, epsilon)
                kernels.table.rms_norm(residual, layer.mlpInputNorm, hidden, epsilon, work.normed.row(row))
            }
            feedForward(layer, rows: rows.count)
            multiply(work.activated, layer.down, into: work.projected, rows: rows.count)
            pool.forEach(rows.count) { [work, kernels] row, _ in
                kernels.table.add_rms_norm(
                    work.residual.row(row), work.projected.row(row), layer.mlpNorm, hidden, epsilon)
            }
            if let layerTap {
                for row in rows.indices { layerTap(index, row, work.residual.values(row)) }
            }
        }
        pass.outcomes = finish(rows)
    }

    /// The logits of rows whose hidden states lie in `slots` (at most ``readoutBatch``), one row each; overwritten by the
    /// next call.
    func logits(slots: ArraySlice<Int>) -> FloatRows {
        assert(slots.count <= Self.readoutBatch)
        for (row, slot) in slots.enumerated() {
            work.normed.row(row).update(from: states.row(slot), count: configuration.hiddenSize)
        }
        multiply(work.normed, weights.head, into: logitRows, rows: slots.count)
        return logitRows
    }

    // MARK: the steps of a pass

    /// Makes room in the workspace and the caches, and loads every row's input: the token's embedding at loop 1, the
    /// hidden state of the loop before otherwise.
    private func prepare(_ rows: [Row]) {
        if rows.count > work.capacity {
            work = Workspace(
                rows: rows.count * 3 / 2, configuration: configuration, weights: weights, workers: pool.threadCount,
                kernels: kernels)
        }
        for row in rows { row.cache.prepare(position: row.position, loop: row.loop) }
        findRuns(rows)
        pool.forEach(rows.count) { [work, kernels, states, weights, rope, configuration] index, _ in
            let row = rows[index]
            let state = states.row(row.slot)
            if row.loop == 1 { weights.embedding.write(row.token, to: state, kernels: kernels) }
            work.residual.row(index).update(from: state, count: configuration.hiddenSize)
            rope.write(position: row.position, cosine: work.cosine.row(index), sine: work.sine.row(index))
        }
    }

    /// Columns of a product that one thread computes in one go, in panels: a multiple of what a tile takes side by side.
    private static let panelsPerItem = 12
    /// Inputs that one thread packs in one go: whole groups of quantised weights.
    private static let inputsPerItem = 256

    /// Brings a product's input into the kernels' tiles.
    private func pack(_ x: FloatRows, for matrix: ouro_matrix, rows: Int) -> UnsafeRawPointer {
        // A single row of floats is its own tile.
        if rows == 1 && matrix.bits == 0 { return UnsafeRawPointer(x.row(0)) }
        let items = (matrix.inputs + Self.inputsPerItem - 1) / Self.inputsPerItem
        let packed = work.packed.base
        pool.forEach(items, alone: rows * matrix.inputs < 1 << 15) { [kernels] item, _ in
            let first = item * Self.inputsPerItem
            kernels.packRows(
                for: matrix, x.row(0), stride: x.stride, rows: rows,
                inputs: first..<min(first + Self.inputsPerItem, matrix.inputs), to: packed)
        }
        return UnsafeRawPointer(packed)
    }

    private func multiply(_ x: FloatRows, _ matrix: PackedMatrix, into y: FloatRows, rows: Int) {
        let descriptor = matrix.descriptor
        let packed = pack(x, for: descriptor, rows: rows)
        let items = (matrix.panelCount + Self.panelsPerItem - 1) / Self.panelsPerItem
        pool.forEach(items) { [kernels] item, _ in
            let first = item * Self.panelsPerItem
            kernels.multiply(
                packed, descriptor, rows: rows, panels: first..<min(first + Self.panelsPerItem, matrix.panelCount),
                into: y)
        }
    }

    /// The first half of the MLP: `silu(gate(x)) * up(x)`.
    private func feedForward(_ layer: LayerWeights, rows: Int) {
        let matrix = layer.gateUp
        let descriptor = matrix.descriptor
        let packed = pack(work.normed, for: descriptor, rows: rows)
        let items = (matrix.panelCount + Self.panelsPerItem - 1) / Self.panelsPerItem
        pool.forEach(items) { [work, kernels] item, _ in
            let first = item * Self.panelsPerItem
            let last = min(first + Self.panelsPerItem, matrix.panelCount)
            kernels.multiply(packed, descriptor, rows: rows, panels: first..<last, into: work.gateUp)
            kernels.table.swiglu(
                work.gateUp.row(0), work.gateUp.stride, rows, first / 2, last / 2, work.activated.row(0),
                work.activated.stride)
        }
    }

    /// Consecutive positions of one sequence at one loop: they read the same keys and values.
    private struct AttentionRun {
        var first: Int
        var count: Int
    }

    private func findRuns(_ rows: [Row]) {
        let group = configuration.headCount / configuration.keyValueHeadCount
        let most = Workspace.rowsPerJob(
            rows: rows.count, keyValueHeads: configuration.keyValueHeadCount, group: group, workers: pool.threadCount)
        runs.removeAll(keepingCapacity: true)
        for index in rows.indices {
            if let last = runs.last, last.count < most {
                let before = rows[index - 1]
                let row = rows[index]
                if row.cache === before.cache && row.loop == before.loop && row.position == before.position + 1 {
                    runs[runs.count - 1].count += 1
                    continue
                }
            }
            runs.append(AttentionRun(first: index, count: 1))
        }
    }

    private func attend(_ rows: [Row], layer: Int) {
        let (depth, heads) = (configuration.headDimension, configuration.headCount)
        let keyValueHeads = configuration.keyValueHeadCount
        let keyStart = heads * depth
        let valueStart = keyStart + keyValueHeads * depth
        pool.forEach(rows.count) { [work, kernels, layout] index, _ in
            let row = rows[index]
            let vectors = work.queryKeyValue.row(index)
            kernels.table.rope(
                vectors, heads + keyValueHeads, depth, work.cosine.row(index), work.sine.row(index))
            let page = row.cache.page(position: row.position, loop: row.loop)
            for head in 0..<keyValueHeads {
                kernels.table.store_kv(
                    layout.type.element, vectors + keyStart + head * depth, vectors + valueStart + head * depth, depth,
                    layout.valueStride, row.position % KVLayout.positionsPerBlock,
                    page + layout.keyOffset(layer: layer, head: head),
                    page + layout.valueOffset(layer: layer, head: head))
            }
        }
        let window = configuration.slidingWindows[layer]
        let group = heads / keyValueHeads
        let scale = Float(1) / Float(depth).squareRoot()
        // Head by head, so that runs that share keys and values follow each other.
        pool.forEach(runs.count * keyValueHeads) { [work, kernels, layout, runs] item, worker in
            let (head, index) = item.quotientAndRemainder(dividingBy: runs.count)
            let run = runs[index]
            let row = rows[run.first]
            let start = head * group * depth
            var job = ouro_attention(
                query: work.queryKeyValue.row(run.first) + start, output: work.attended.row(run.first) + start,
                query_stride: work.queryKeyValue.stride, output_stride: work.attended.stride,
                pages: row.cache.pages(loop: row.loop), key_offset: layout.keyOffset(layer: layer, head: head),
                value_offset: layout.valueOffset(layer: layer, head: head), value_stride: layout.valueStride,
                scratch: work.attention.row(worker), position: Int64(row.position), window: Int64(window ?? 0),
                rows: Int32(run.count), heads: Int32(group), head_dimension: Int32(depth), scale: scale,
                element: layout.type.element)
            kernels.table.attend(&job)
        }
    }

    /// Final norm and gate. The normalised state is what the next loop, the gate and the head read.
    private func finish(_ rows: [Row]) -> [RowOutcome] {
        let hidden = configuration.hiddenSize
        pool.forEach(rows.count) { [work, kernels, states, weights, configuration] index, _ in
            let residual = work.residual.row(index)
            let state = states.row(rows[index].slot)
            let outcome = work.outcomes.row(index)
            kernels.table.rms_norm(residual, weights.finalNorm, hidden, configuration.rmsNormEpsilon, residual)
            outcome[0] = kernels.table.dot(residual, weights.gate, hidden) + weights.gateBias
            kernels.table.change(residual, state, hidden, outcome + 1, outcome + 2)
            state.update(from: residual, count: hidden)
        }
        return rows.indices.map { index in
            let outcome = work.outcomes.row(index)
            return RowOutcome(gateLogit: outcome[0], change: (outcome[1] / outcome[2]).squareRoot())
        }
    }
}
