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
    private var scratch: FloatRows
    private var logitRows: FloatRows

    /// Rows of logits computed in one go.
    static let readoutBatch = 16

    /// Called with the residual stream after every layer, before the final norm (for tests).
    var layerTap: ((_ layer: Int, _ row: Int, _ residual: [Float]) -> Void)?

    /// - Parameters:
    ///   - firstPosition: what RoPE takes as the position of a sequence's first token.
    init(
        configuration: ModelConfiguration, weights: ModelWeights, kernels: Kernels, pool: WorkerPool,
        firstPosition: Int = 0
    ) {
        self.configuration = configuration
        self.weights = weights
        self.kernels = kernels
        self.pool = pool
        layout = KVLayout(configuration)
        rope = RotaryEmbedding(configuration, firstPosition: firstPosition)
        states = RowStates(hiddenSize: configuration.hiddenSize)
        work = Workspace(rows: 1, configuration: configuration)
        scratch = FloatRows(rows: pool.threadCount, columns: 1024 + layout.valueStride)
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
        work.reserve(rows.count, configuration: configuration)
        var positions = 0
        for row in rows {
            row.cache.prepare(position: row.position, loop: row.loop)
            positions = max(positions, row.position + 1)
        }
        let needed = positions + 2 * KVLayout.positionsPerBlock + layout.valueStride
        if scratch.columns < needed { scratch = FloatRows(rows: pool.threadCount, columns: needed * 3 / 2) }
        pool.forEach(rows.count) { [work, kernels, states, weights, rope, configuration] index, _ in
            let row = rows[index]
            let state = states.row(row.slot)
            if row.loop == 1 { weights.embedding.write(row.token, to: state, kernels: kernels) }
            work.residual.row(index).update(from: state, count: configuration.hiddenSize)
            rope.write(position: row.position, cosine: work.cosine.row(index), sine: work.sine.row(index))
        }
    }

    /// Columns of a product that one thread computes in one go, in panels.
    private static let panelsPerItem = 4

    private func multiply(_ x: FloatRows, _ matrix: PackedMatrix, into y: FloatRows, rows: Int) {
        let items = (matrix.panelCount + Self.panelsPerItem - 1) / Self.panelsPerItem
        pool.forEach(items) { [kernels] item, _ in
            let first = item * Self.panelsPerItem
            kernels.table.matmul(
                matrix.element, x.row(0), x.stride, rows, matrix.inputs, matrix.panels, first,
                min(first + Self.panelsPerItem, matrix.panelCount), y.row(0), y.stride)
        }
    }

    /// The first half of the MLP: `silu(gate(x)) * up(x)`.
    private func feedForward(_ layer: LayerWeights, rows: Int) {
        let matrix = layer.gateUp
        let items = (matrix.panelCount + Self.panelsPerItem - 1) / Self.panelsPerItem
        pool.forEach(items) { [work, kernels] item, _ in
            let first = item * Self.panelsPerItem
            let last = min(first + Self.panelsPerItem, matrix.panelCount)
            kernels.table.matmul(
                matrix.element, work.normed.row(0), work.normed.stride, rows, matrix.inputs, matrix.panels, first, last,
                work.gateUp.row(0), work.gateUp.stride)
            kernels.table.swiglu(
                work.gateUp.row(0), work.gateUp.stride, rows, first / 2, last / 2, work.activated.row(0),
                work.activated.stride)
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
                    vectors + keyStart + head * depth, vectors + valueStart + head * depth, depth, layout.valueStride,
                    row.position % KVLayout.positionsPerBlock, page + layout.keyOffset(layer: layer, head: head),
                    page + layout.valueOffset(layer: layer, head: head))
            }
        }
        let window = configuration.slidingWindows[layer]
        let group = heads / keyValueHeads
        let scale = Float(1) / Float(depth).squareRoot()
        pool.forEach(rows.count * keyValueHeads) { [work, kernels, layout, scratch] item, worker in
            let (index, head) = item.quotientAndRemainder(dividingBy: keyValueHeads)
            let row = rows[index]
            let start = head * group * depth
            var job = ouro_attention(
                query: work.queryKeyValue.row(index) + start, output: work.attended.row(index) + start,
                pages: row.cache.pages(loop: row.loop), key_offset: layout.keyOffset(layer: layer, head: head),
                value_offset: layout.valueOffset(layer: layer, head: head), value_stride: layout.valueStride,
                scratch: scratch.row(worker), first_position: Int64(window.map { max(0, row.position - $0 + 1) } ?? 0),
                last_position: Int64(row.position), heads: Int32(group), head_dimension: Int32(depth), scale: scale)
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

/// The intermediate values of a pass, a row of memory each; grows to the largest pass seen.
private struct Workspace {
    private(set) var residual: FloatRows
    private(set) var normed: FloatRows
    private(set) var queryKeyValue: FloatRows
    private(set) var attended: FloatRows
    private(set) var projected: FloatRows
    private(set) var gateUp: FloatRows
    private(set) var activated: FloatRows
    private(set) var cosine: FloatRows
    private(set) var sine: FloatRows
    /// Gate logit, squared change, squared base.
    private(set) var outcomes: FloatRows

    init(rows: Int, configuration: ModelConfiguration) {
        let rows = max(rows, LoopedTransformer.readoutBatch)
        let attention = configuration.headCount * configuration.headDimension
        let keyValue = configuration.keyValueHeadCount * configuration.headDimension
        let panels = (configuration.intermediateSize + PackedMatrix.panel - 1) / PackedMatrix.panel
        residual = FloatRows(rows: rows, columns: configuration.hiddenSize)
        normed = FloatRows(rows: rows, columns: configuration.hiddenSize)
        queryKeyValue = FloatRows(rows: rows, columns: attention + 2 * keyValue)
        attended = FloatRows(rows: rows, columns: attention)
        projected = FloatRows(rows: rows, columns: configuration.hiddenSize)
        gateUp = FloatRows(rows: rows, columns: 2 * panels * PackedMatrix.panel)
        activated = FloatRows(rows: rows, columns: configuration.intermediateSize)
        cosine = FloatRows(rows: rows, columns: configuration.headDimension / 2)
        sine = FloatRows(rows: rows, columns: configuration.headDimension / 2)
        outcomes = FloatRows(rows: rows, columns: 3)
    }

    mutating func reserve(_ rows: Int, configuration: ModelConfiguration) {
        if rows > residual.rows { self = Workspace(rows: rows * 3 / 2, configuration: configuration) }
    }
}

/// The hidden states that rows carry from pass to pass, in numbered slots.
final class RowStates {
    private let hiddenSize: Int
    private var areas: [FloatRows] = []
    private var free: [Int] = []
    private static let areaRows = 64

    init(hiddenSize: Int) { self.hiddenSize = hiddenSize }

    func take() -> Int {
        if free.isEmpty {
            let first = areas.count * Self.areaRows
            areas.append(FloatRows(rows: Self.areaRows, columns: hiddenSize))
            free.append(contentsOf: (first..<first + Self.areaRows).reversed())
        }
        return free.removeLast()
    }

    func giveBack(_ slot: Int) { free.append(slot) }

    func row(_ slot: Int) -> UnsafeMutablePointer<Float> { areas[slot / Self.areaRows].row(slot % Self.areaRows) }

    /// Slots in use, for leak checks.
    var used: Int { areas.count * Self.areaRows - free.count }
}
