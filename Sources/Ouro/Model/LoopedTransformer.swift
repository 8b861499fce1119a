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
    /// Whether a head's attention is over so soon that threads need not share it, and there are heads for all of them.
    private var attendsByHead = false
    private var layer = 0
    private var operand: Operand?
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
            let (weights, count) = (weights.layers[index], rows.count)
            inputTap?(index, .attention, work.normed, count)
            multiply(pack(work.normed, for: weights.queryKeyValue, rows: count), into: work.queryKeyValue)
            let attended = attend(for: weights.attentionOutput)
            inputTap?(index, .attentionOutput, work.attended, count)
            multiply(attended, into: work.projected)
            pool.forEach(count, for: self) { model, row, _ in model.addAttention(row) }
            inputTap?(index, .mlp, work.normed, count)
            let activated = multiplyGateUp(weights, rows: count)
            inputTap?(index, .down, work.activated, count)
            multiply(activated, into: work.projected)
            pool.forEach(count, for: self) { model, row, _ in model.addMLP(row) }
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
        multiply(pack(work.normed, for: weights.head, rows: slots.count), into: logitRows)
        return logitRows
    }

    /// The products of one layer on whatever the workspace holds: for measuring what rows cost.
    func multiplyLayer(_ index: Int, rows: Int) {
        makeRoom(rows)
        let layer = weights.layers[index % weights.layers.count]
        multiply(pack(work.normed, for: layer.queryKeyValue, rows: rows), into: work.queryKeyValue)
        multiply(pack(work.attended, for: layer.attentionOutput, rows: rows), into: work.projected)
        multiply(multiplyGateUp(layer, rows: rows), into: work.projected)
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
    /// hidden state of the loop before otherwise. Normalises it for the first layer.
    private func prepare() {
        makeRoom(rows.count)
        for row in rows { row.cache.prepare(position: row.position, loop: row.loop) }
        findRuns()
        attendsByHead =
            storeBlocks == 1 && configuration.keyValueHeadCount >= 4 * pool.threadCount
            && (runs.count == 1 || rows.reduce(0) { $0 + $1.position } < 1 << 13)
        pool.forEach(rows.count, for: self) { model, row, _ in model.load(row) }
    }

    private func load(_ index: Int) {
        let row = rows[index]
        let state = states.row(row.slot)
        if row.loop == 1 { weights.embedding.write(row.token, to: state, kernels: kernels) }
        work.residual.row(index).update(from: state, count: configuration.hiddenSize)
        rope.write(position: row.position, cosine: work.cosine.row(index), sine: work.sine.row(index))
        normalise(index, weights.layers[0].inputNorm)
    }

    private func normalise(_ row: Int, _ norm: [Float]) {
        kernels.table.rms_norm(
            work.residual.row(row), norm, configuration.hiddenSize, configuration.rmsNormEpsilon, work.normed.row(row))
    }

    private func addAttention(_ row: Int) {
        add(row, weights.layers[layer].attentionNorm)
        normalise(row, weights.layers[layer].mlpInputNorm)
    }

    /// Ends a layer and begins the next one.
    private func addMLP(_ row: Int) {
        add(row, weights.layers[layer].mlpNorm)
        if layer + 1 < weights.layers.count { normalise(row, weights.layers[layer + 1].inputNorm) }
    }

    /// Adds what was projected, normalised, to the residual stream.
    private func add(_ row: Int, _ norm: [Float]) {
        kernels.table.add_rms_norm(
            work.residual.row(row), work.projected.row(row), norm, configuration.hiddenSize,
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
        kernels.table.squared_change(residual, state, hidden, outcome + 1, outcome + 2)
        state.update(from: residual, count: hidden)
    }

    // MARK: products

    /// Rows of activations, and the matrix that they are multiplied by.
    private struct Operand {
        let matrix: ouro_matrix
        let panelCount: Int
        let rows: Int
        let x: FloatRows.View
        /// The activations in the kernels' tiles.
        let tiles: UnsafeMutableRawPointer

        init(_ x: FloatRows, _ matrix: PackedMatrix, rows: Int, tiles: AlignedMemory) {
            self.matrix = matrix.descriptor
            panelCount = matrix.panelCount
            self.rows = rows
            self.x = x.view
            self.tiles = tiles.base
        }

        /// A single row of floats is its own tile.
        var isItsOwnTile: Bool { rows == 1 && matrix.bits == 0 }
        /// Inputs are packed in whole groups of quantised weights.
        var group: Int { matrix.bits == 0 ? 1 : Int(matrix.group) }

        func pack(_ inputs: Range<Int>, _ kernels: Kernels) {
            if isItsOwnTile { return }
            kernels.packRows(for: matrix, x.row(0), stride: x.stride, rows: rows, inputs: inputs, to: tiles)
        }
    }

    /// A product under way.
    private struct Product {
        let operand: Operand
        let y: FloatRows.View
        let panelsPerItem: Int
        /// If the panels are gate and up in turn: what `silu(gate) * up` is packed for.
        var activated: Operand?
    }

    /// Inputs that one thread packs in one go: whole groups.
    private static let inputsPerItem = 256

    /// Brings a product's activations into the kernels' tiles.
    private func pack(_ x: FloatRows, for matrix: PackedMatrix, rows: Int) -> Operand {
        let operand = Operand(x, matrix, rows: rows, tiles: work.packed)
        if operand.isItsOwnTile { return operand }
        self.operand = operand
        let items = (matrix.inputs + Self.inputsPerItem - 1) / Self.inputsPerItem
        pool.forEach(items, for: self, alone: rows * matrix.inputs < 1 << 12) { model, item, _ in
            guard let operand = model.operand else { return }
            let (first, all) = (item * Self.inputsPerItem, Int(operand.matrix.inputs))
            operand.pack(first..<min(first + Self.inputsPerItem, all), model.kernels)
        }
        self.operand = nil
        return operand
    }

    private func multiply(_ operand: Operand, into y: FloatRows) {
        multiply(
            Product(operand: operand, y: y.view, panelsPerItem: Self.panelsPerItem(rows: operand.rows)))
    }

    /// The product with gate and up, the activation, and its packing for the product after it: a thread does all three
    /// to a few columns.
    private func multiplyGateUp(_ layer: LayerWeights, rows: Int) -> Operand {
        let operand = pack(work.normed, for: layer.gateUp, rows: rows)
        let activated = Operand(work.activated, layer.down, rows: rows, tiles: work.packedActivated)
        // Gate and up are a panel each.
        let whole = max(1, 2 * activated.group / PackedMatrix.panel)
        let panels = (Self.panelsPerItem(rows: rows) + whole - 1) / whole * whole
        multiply(
            Product(operand: operand, y: work.gateUp.view, panelsPerItem: panels, activated: activated))
        return activated
    }

    /// Columns of a product that one thread computes in one go, in panels: a multiple of what a tile takes side by side.
    /// Fewer of more rows, so that threads end together; as many as that pays of many rows, which go through the cache.
    private static func panelsPerItem(rows: Int) -> Int { rows <= 6 ? 4 : rows <= 24 ? 6 : 12 }

    private func multiply(_ product: Product) {
        self.product = product
        let items = (product.operand.panelCount + product.panelsPerItem - 1) / product.panelsPerItem
        pool.forEach(items, for: self) { model, item, _ in model.multiplyPanels(item) }
        self.product = nil
    }

    private func multiplyPanels(_ item: Int) {
        guard let product else { return }
        let (operand, y) = (product.operand, product.y)
        let first = item * product.panelsPerItem
        let last = min(first + product.panelsPerItem, operand.panelCount)
        let tiles = operand.isItsOwnTile ? UnsafeRawPointer(operand.x.row(0)) : UnsafeRawPointer(operand.tiles)
        kernels.multiply(tiles, operand.matrix, rows: operand.rows, panels: first..<last, into: y)
        if let activated = product.activated {
            kernels.table.swiglu(
                y.row(0), y.stride, operand.rows, first / 2, last / 2, activated.x.row(0), activated.x.stride)
            let columns = first / 2 * PackedMatrix.panel..<last / 2 * PackedMatrix.panel
            activated.pack(columns.clamped(to: 0..<Int(activated.matrix.inputs)), kernels)
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

    /// Rotates queries and keys, stores keys and values, attends, and packs the outcome for a product.
    ///
    /// All of it head by head, as the product before computes them, so that a thread mostly works on what it has computed
    /// and stored itself. If a head is little work, a thread does all four to it in one go.
    private func attend(for matrix: PackedMatrix) -> Operand {
        let heads = configuration.keyValueHeadCount
        let operand = Operand(work.attended, matrix, rows: rows.count, tiles: work.packed)
        if attendsByHead && columnsPerHead % operand.group == 0 {
            self.operand = operand
            pool.forEach(heads, for: self) { $0.attendHead($1, worker: $2) }
            self.operand = nil
            return operand
        }
        pool.forEach(heads * storeBlocks, for: self) { model, item, _ in model.rotateAndStore(item) }
        pool.forEach(heads * runs.count, for: self) { $0.attend($1, worker: $2) }
        return pack(work.attended, for: matrix, rows: rows.count)
    }

    private func attendHead(_ head: Int, worker: Int) {
        rotateAndStore(head)
        for run in runs.indices { attend(head * runs.count + run, worker: worker) }
        operand?.pack(head * columnsPerHead..<(head + 1) * columnsPerHead, kernels)
    }

    /// Columns of what the query heads that share a KV head attend to.
    private var columnsPerHead: Int {
        configuration.headCount / configuration.keyValueHeadCount * configuration.headDimension
    }

    /// Rows of one KV head that are rotated and stored in one go.
    private static let rowsPerStore = 16

    private var storeBlocks: Int { (rows.count + Self.rowsPerStore - 1) / Self.rowsPerStore }

    /// Turns the queries and keys of some rows and one KV head by their positions, and writes its keys and values.
    private func rotateAndStore(_ item: Int) {
        let (depth, heads) = (configuration.headDimension, configuration.keyValueHeadCount)
        let (head, block) = item.quotientAndRemainder(dividingBy: storeBlocks)
        for index in block * Self.rowsPerStore..<min((block + 1) * Self.rowsPerStore, rows.count) {
            let row = rows[index]
            let queries = work.queryKeyValue.row(index) + head * (columnsPerHead + 2 * depth)
            let (keys, values) = (queries + columnsPerHead, queries + columnsPerHead + depth)
            kernels.table.rope(queries, columnsPerHead / depth + 1, depth, work.cosine.row(index), work.sine.row(index))
            if let sums = row.cache.sums, row.cache.isCollapsed {
                let sum = sums.row(layer) + head * depth
                KVCollapse.add(keys, count: depth, to: sum, first: row.loop == 1)
                KVCollapse.add(values, count: depth, to: sum + heads * depth, first: row.loop == 1)
            }
            let page = row.cache.page(position: row.position, loop: row.loop)
            kernels.cache.store(
                layout.type.element, keys, values, depth, layout.valueStride,
                row.position % KVLayout.positionsPerBlock, page + layout.keyOffset(layer: layer, head: head),
                page + layout.valueOffset(layer: layer, head: head))
        }
    }

    /// Attention of one run and one KV head: runs that share keys and values follow each other.
    private func attend(_ item: Int, worker: Int) {
        let depth = configuration.headDimension
        let group = configuration.headCount / configuration.keyValueHeadCount
        let (head, index) = item.quotientAndRemainder(dividingBy: runs.count)
        let run = runs[index]
        let row = rows[run.first]
        var job = ouro_attention(
            query: work.queryKeyValue.row(run.first) + head * (columnsPerHead + 2 * depth),
            output: work.attended.row(run.first) + head * columnsPerHead,
            query_stride: work.queryKeyValue.stride, output_stride: work.attended.stride,
            blocks: row.cache.pages(loop: row.loop), key_offset: layout.keyOffset(layer: layer, head: head),
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
