import OuroKernels

/// The four inputs of a layer's products.
enum LayerInput: Int, CaseIterable {
    /// Of queries, keys and values.
    case attention
    case attentionOutput
    /// Of gate and up.
    case mlp
    case down
}

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
    private(set) var weights: ModelWeights
    private let rope: RotaryEmbedding
    private var work: Workspace
    // What the pass under way works on.
    private var rows: [Row] = []
    private var runs: [AttentionRun] = []
    private var layer = 0
    private var product: Product?
    private var logitRows: FloatRows

    /// Rows of logits computed in one go.
    static let readoutBatch = 16

    /// Called with the residual stream after every layer, before the final norm (for tests).
    var layerTap: ((_ layer: Int, _ row: Int, _ residual: [Float]) -> Void)?

    /// Called with the input of every product of a layer, before it is computed (for calibration).
    var inputTap: ((_ layer: Int, _ input: LayerInput, _ x: FloatRows, _ rows: Int) -> Void)?

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
    /// normalised output, and records its gate. Allocates nothing once the workspace has grown to the largest pass.
    func run(_ pass: inout Pass) {
        rows = pass.rows
        prepare()
        for index in weights.layers.indices {
            layer = index
            pool.forEach(rows.count, for: self) { model, row, _ in model.normaliseAttentionInput(row) }
            inputTap?(index, .attention, work.normed, rows.count)
            multiply(work.normed, weights.layers[index].queryKeyValue, into: work.queryKeyValue)
            pool.forEach(rows.count, for: self) { model, row, _ in model.rotateAndStore(row) }
            pool.forEach(runs.count * configuration.keyValueHeadCount, for: self) { $0.attend($1, worker: $2) }
            inputTap?(index, .attentionOutput, work.attended, rows.count)
            multiply(work.attended, weights.layers[index].attentionOutput, into: work.projected)
            pool.forEach(rows.count, for: self) { model, row, _ in model.addAttention(row) }
            inputTap?(index, .mlp, work.normed, rows.count)
            multiply(work.normed, weights.layers[index].gateUp, into: work.gateUp, activated: work.activated)
            inputTap?(index, .down, work.activated, rows.count)
            multiply(work.activated, weights.layers[index].down, into: work.projected)
            pool.forEach(rows.count, for: self) { model, row, _ in model.addMLP(row) }
            if let layerTap {
                for row in rows.indices { layerTap(index, row, work.residual.values(row)) }
            }
        }
        pool.forEach(rows.count, for: self) { model, row, _ in model.finish(row) }
        pass.outcomes.removeAll(keepingCapacity: true)
        for index in rows.indices {
            let outcome = work.outcomes.row(index)
            pass.outcomes.append(
                RowOutcome(gateLogit: outcome[0], change: (outcome[1] / outcome[2]).squareRoot()))
        }
        rows = []
    }

    /// The logits of rows whose hidden states lie in `slots` (at most ``readoutBatch``), one row each; overwritten by the
    /// next call.
    func logits(slots: ArraySlice<Int>) -> FloatRows {
        assert(slots.count <= Self.readoutBatch)
        for (row, slot) in slots.enumerated() {
            work.normed.row(row).update(from: states.row(slot), count: configuration.hiddenSize)
        }
        multiply(work.normed, weights.head, into: logitRows, rowCount: slots.count)
        return logitRows
    }

    /// The products of one layer on whatever the workspace holds: for measuring what rows cost.
    func multiplyLayer(_ index: Int, rows: Int) {
        makeRoom(rows)
        let layer = weights.layers[index % weights.layers.count]
        multiply(work.normed, layer.queryKeyValue, into: work.queryKeyValue, rowCount: rows)
        multiply(work.attended, layer.attentionOutput, into: work.projected, rowCount: rows)
        multiply(work.normed, layer.gateUp, into: work.gateUp, activated: work.activated, rowCount: rows)
        multiply(work.activated, layer.down, into: work.projected, rowCount: rows)
    }

    /// Takes other weights for one layer, of the same shape; not while a pass runs.
    func replaceLayer(_ index: Int, with layer: LayerWeights) {
        weights.layers[index] = layer
        // Activations of quantised products are packed in another way.
        work = Workspace(
            rows: work.capacity, configuration: configuration, weights: weights, workers: pool.threadCount,
            kernels: kernels)
    }

    // MARK: the steps of a pass

    /// More than are asked for, so that room is made a few times only.
    static func rowsMade(for rows: Int) -> Int { rows * 3 / 2 }

    private func makeRoom(_ rows: Int) {
        guard rows > work.capacity else { return }
        work = Workspace(
            rows: Self.rowsMade(for: rows), configuration: configuration, weights: weights, workers: pool.threadCount,
            kernels: kernels)
    }

    /// Makes room in the workspace and the caches, and loads every row's input: the token's embedding at loop 1, the
    /// hidden state of the loop before otherwise.
    private func prepare() {
        makeRoom(rows.count)
        for row in rows { row.cache.prepare(position: row.position, loop: row.loop) }
        findRuns()
        pool.forEach(rows.count, for: self) { model, row, _ in model.load(row) }
    }

    private func load(_ index: Int) {
        let row = rows[index]
        let state = states.row(row.slot)
        if row.loop == 1 { weights.embedding.write(row.token, to: state, kernels: kernels) }
        work.residual.row(index).update(from: state, count: configuration.hiddenSize)
        rope.write(position: row.position, cosine: work.cosine.row(index), sine: work.sine.row(index))
    }

    private func normaliseAttentionInput(_ row: Int) {
        kernels.table.rms_norm(
            work.residual.row(row), weights.layers[layer].inputNorm, configuration.hiddenSize,
            configuration.rmsNormEpsilon, work.normed.row(row))
    }

    private func addAttention(_ row: Int) {
        let residual = work.residual.row(row)
        let (hidden, epsilon) = (configuration.hiddenSize, configuration.rmsNormEpsilon)
        kernels.table.add_rms_norm(
            residual, work.projected.row(row), weights.layers[layer].attentionNorm, hidden, epsilon)
        kernels.table.rms_norm(residual, weights.layers[layer].mlpInputNorm, hidden, epsilon, work.normed.row(row))
    }

    private func addMLP(_ row: Int) {
        kernels.table.add_rms_norm(
            work.residual.row(row), work.projected.row(row), weights.layers[layer].mlpNorm, configuration.hiddenSize,
            configuration.rmsNormEpsilon)
    }

    /// Final norm and gate. The normalised state is what the next loop, the gate and the head read.
    private func finish(_ index: Int) {
        let hidden = configuration.hiddenSize
        let residual = work.residual.row(index)
        let state = states.row(rows[index].slot)
        let outcome = work.outcomes.row(index)
        kernels.table.rms_norm(residual, weights.finalNorm, hidden, configuration.rmsNormEpsilon, residual)
        outcome[0] = kernels.table.dot(residual, weights.gate, hidden) + weights.gateBias
        kernels.table.change(residual, state, hidden, outcome + 1, outcome + 2)
        state.update(from: residual, count: hidden)
    }

    // MARK: products

    /// A product under way.
    private struct Product {
        var matrix = ouro_matrix()
        var panelCount = 0
        var rows = 0
        var x: FloatRows.View
        var y: FloatRows.View
        /// Where `silu(gate) * up` goes, if the product's panels are gate and up in turn.
        var activated: FloatRows.View?
        var packed: UnsafeRawPointer
    }

    /// Columns of a product that one thread computes in one go, in panels: a multiple of what a tile takes side by side.
    private static func panelsPerItem(rows: Int) -> Int { rows <= 4 ? 8 : 12 }
    /// Inputs that one thread packs in one go: whole groups of quantised weights.
    private static let inputsPerItem = 256

    private func multiply(
        _ x: FloatRows, _ matrix: PackedMatrix, into y: FloatRows, activated: FloatRows? = nil, rowCount: Int? = nil
    ) {
        let rows = rowCount ?? self.rows.count
        var product = Product(
            matrix: matrix.descriptor, panelCount: matrix.panelCount, rows: rows, x: x.view, y: y.view,
            activated: activated?.view,
            packed: UnsafeRawPointer(work.packed.base))
        // A single row of floats is its own tile.
        if rows == 1 && product.matrix.bits == 0 {
            product.packed = UnsafeRawPointer(x.row(0))
            self.product = product
        } else {
            self.product = product
            let items = (matrix.inputs + Self.inputsPerItem - 1) / Self.inputsPerItem
            pool.forEach(items, for: self, alone: rows * matrix.inputs < 1 << 15) { model, item, _ in
                model.packInputs(item)
            }
        }
        let count = Self.panelsPerItem(rows: rows)
        let items = (matrix.panelCount + count - 1) / count
        pool.forEach(items, for: self) { model, item, _ in model.multiplyPanels(item) }
        self.product = nil
    }

    /// Brings some of a product's inputs into the kernels' tiles.
    private func packInputs(_ item: Int) {
        guard let product else { return }
        let first = item * Self.inputsPerItem
        kernels.packRows(
            for: product.matrix, product.x.row(0), stride: product.x.stride, rows: product.rows,
            inputs: first..<min(first + Self.inputsPerItem, product.matrix.inputs), to: work.packed.base)
    }

    private func multiplyPanels(_ item: Int) {
        guard let product else { return }
        let count = Self.panelsPerItem(rows: product.rows)
        let (first, last) = (item * count, min((item + 1) * count, product.panelCount))
        kernels.multiply(product.packed, product.matrix, rows: product.rows, panels: first..<last, into: product.y)
        if let activated = product.activated {
            kernels.table.swiglu(
                product.y.row(0), product.y.stride, product.rows, first / 2, last / 2, activated.row(0),
                activated.stride)
        }
    }

    // MARK: attention

    /// Consecutive positions of one sequence at one loop: they read the same keys and values.
    private struct AttentionRun {
        var first: Int
        var count: Int
    }

    private func findRuns() {
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

    /// Turns a row's queries and keys by its position, and writes its keys and values.
    private func rotateAndStore(_ index: Int) {
        let (depth, heads) = (configuration.headDimension, configuration.headCount)
        let keyValueHeads = configuration.keyValueHeadCount
        let row = rows[index]
        let vectors = work.queryKeyValue.row(index)
        kernels.table.rope(vectors, heads + keyValueHeads, depth, work.cosine.row(index), work.sine.row(index))
        let page = row.cache.page(position: row.position, loop: row.loop)
        let (keys, values) = (vectors + heads * depth, vectors + (heads + keyValueHeads) * depth)
        if let sums = row.cache.sums, row.cache.isCollapsed {
            KVCollapse.add(keys, count: 2 * keyValueHeads * depth, to: sums.row(layer), first: row.loop == 1)
        }
        for head in 0..<keyValueHeads {
            kernels.table.store_kv(
                layout.type.element, keys + head * depth, values + head * depth, depth, layout.valueStride,
                row.position % KVLayout.positionsPerBlock, page + layout.keyOffset(layer: layer, head: head),
                page + layout.valueOffset(layer: layer, head: head))
        }
    }

    /// Attention of one run and one KV head: head by head, so that runs that share keys and values follow each other.
    private func attend(_ item: Int, worker: Int) {
        let depth = configuration.headDimension
        let group = configuration.headCount / configuration.keyValueHeadCount
        let (head, index) = item.quotientAndRemainder(dividingBy: runs.count)
        let run = runs[index]
        let row = rows[run.first]
        let start = head * group * depth
        var job = ouro_attention(
            query: work.queryKeyValue.row(run.first) + start, output: work.attended.row(run.first) + start,
            query_stride: work.queryKeyValue.stride, output_stride: work.attended.stride,
            pages: row.cache.pages(loop: row.loop), key_offset: layout.keyOffset(layer: layer, head: head),
            value_offset: layout.valueOffset(layer: layer, head: head), value_stride: layout.valueStride,
            scratch: work.attention.row(worker), position: Int64(row.position),
            window: Int64(configuration.slidingWindows[layer] ?? 0), rows: Int32(run.count), heads: Int32(group),
            head_dimension: Int32(depth), scale: 1 / Float(depth).squareRoot(), element: layout.type.element,
            compressed_pages: row.cache.policy == .compressed ? Int64(row.cache.collapsedPages) : 0,
            compressed_offset: layout.compressedOffset(layer: layer, head: head, loops: row.cache.loops),
            loops: Int32(row.cache.loops), loop: Int32(row.loop), expanded: work.expansion.row(worker))
        kernels.table.attend(&job)
    }
}
