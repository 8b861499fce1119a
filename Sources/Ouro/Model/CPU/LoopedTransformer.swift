import OuroKernels

/// The forward pass of a looped transformer on the CPU: one stack of layers, applied once to a batch of rows.
///
/// It knows nothing of requests, sampling or text. The inference thread owns it, and a pool of threads shares the work
/// of each step.
///
/// Reference: `OuroModel.forward` of the published code. The names of its norms are misleading:
/// `post_attention_layernorm` comes *before* the MLP.
package final class LoopedTransformer {
    package let configuration: ModelConfiguration
    package let layout: KVLayout
    package let kernels: Kernels
    package let pool: WorkerPool
    package private(set) var weights: ModelWeights
    /// Functions that receive intermediate values, for calibration and tests.
    package var taps = Taps()
    private let rope: RotaryEmbedding
    /// The intermediate values. The workspace grows to the largest pass.
    private(set) var work: Workspace
    private let logitRows: FloatRows

    /// The largest number of logit rows in one product.
    package static let readoutBatch = 16

    /// Makes a forward pass.
    ///
    /// - Parameters:
    ///   - configuration: the configuration of the model.
    ///   - weights: the packed weights.
    ///   - layout: the sizes of stored keys and values.
    ///   - kernels: the kernels to use.
    ///   - pool: the threads to use.
    ///   - firstPosition: RoPE's position of the first token of a sequence.
    package init(
        configuration: ModelConfiguration, weights: ModelWeights, layout: KVLayout, kernels: Kernels, pool: WorkerPool,
        firstPosition: Int
    ) {
        self.configuration = configuration
        self.weights = weights
        self.layout = layout
        self.kernels = kernels
        self.pool = pool
        rope = RotaryEmbedding(configuration, firstPosition: firstPosition)
        work = Workspace(
            rows: 1, configuration: configuration, weights: weights, workers: pool.threadCount, kernels: kernels)
        logitRows = FloatRows(rows: Self.readoutBatch, columns: configuration.vocabularySize)
    }

    /// The current pass: its rows, and how they share attention. It holds plain values, so worker threads can copy it.
    struct ForwardPass: BitwiseCopyable {
        let rows: UnsafeBufferPointer<CPURow>
        let runs: UnsafeBufferPointer<AttentionRun>
        /// Whether one thread does all attention steps of a head.
        let attendsByHead: Bool
    }

    /// Applies the layer stack once to every row. See `PassDevice.run(_:outcomes:)`.
    ///
    /// It allocates nothing once the workspace has grown to the largest pass.
    func run(_ rows: [CPURow], outcomes: inout [RowOutcome]) {
        makeRoom(rows.count)
        work.findRuns(rows, configuration: configuration, workers: pool.threadCount)
        rows.withUnsafeBufferPointer { rows in
            work.runs.withUnsafeBufferPointer { runs in
                run(ForwardPass(rows: rows, runs: runs, attendsByHead: attendsByHead(rows, runs: runs.count)))
            }
        }
        outcomes.removeAll(keepingCapacity: true)
        for index in rows.indices {
            let outcome = work.outcomes.row(index)
            outcomes.append(RowOutcome(gateLogit: outcome[0], change: (outcome[1] / outcome[2]).squareRoot()))
        }
    }

    private func run(_ pass: ForwardPass) {
        let count = pass.rows.count
        pool.forEach(count, for: self, pass) { model, pass, row, _ in model.load(row, of: pass) }
        for (index, layer) in weights.layers.enumerated() {
            tap(index, .attention, work.normed, count)
            multiply(pack(work.normed, for: layer.queryKeyValue, rows: count), into: work.queryKeyValue)
            let attended = attend(pass, layer: index, packingFor: layer.attentionOutput)
            tap(index, .attentionOutput, work.attended, count)
            multiply(attended, into: work.projected)
            pool.forEach(count, for: self, index) { model, layer, row, _ in model.addAttention(row, layer: layer) }
            tap(index, .mlp, work.normed, count)
            let activated = multiplyGateUp(layer, rows: count)
            tap(index, .down, work.activated, count)
            multiply(activated, into: work.projected)
            pool.forEach(count, for: self, index) { model, layer, row, _ in model.addMLP(row, layer: layer) }
            tapResidual(index, count)
        }
        pool.forEach(count, for: self, pass) { model, pass, row, _ in model.finish(row, of: pass) }
    }

    /// The logits of at most `readoutBatch` hidden states, one row each. The next call overwrites them.
    package func logits(of states: [UnsafeMutablePointer<Float>]) -> FloatRows {
        assert(states.count <= Self.readoutBatch)
        for (row, state) in states.enumerated() {
            work.normed.row(row).update(from: state, count: configuration.hiddenSize)
        }
        multiply(pack(work.normed, for: weights.head, rows: states.count), into: logitRows)
        return logitRows
    }

    /// Computes the products of one layer on the present content of the workspace, to measure the cost of rows.
    package func multiplyLayer(_ index: Int, rows: Int) {
        makeRoom(rows)
        let layer = weights.layers[index % weights.layers.count]
        multiply(pack(work.normed, for: layer.queryKeyValue, rows: rows), into: work.queryKeyValue)
        multiply(pack(work.attended, for: layer.attentionOutput, rows: rows), into: work.projected)
        multiply(multiplyGateUp(layer, rows: rows), into: work.projected)
    }

    /// Replaces the weights of one layer by others of the same shape. No pass may be running.
    package func replaceLayer(_ index: Int, with layer: LayerWeights) {
        weights.layers[index] = layer
        // Quantised products pack their activations in another form, so the workspace is made anew.
        makeWorkspace(rows: work.capacity)
    }

    private func makeRoom(_ rows: Int) {
        if rows > work.capacity { makeWorkspace(rows: Workspace.rowsMade(for: rows)) }
    }

    private func makeWorkspace(rows: Int) {
        work = Workspace(
            rows: rows, configuration: configuration, weights: weights, workers: pool.threadCount, kernels: kernels)
    }
}

// MARK: - the steps of a row

extension LoopedTransformer {
    /// Loads the input of a row and normalises it for the first layer. At loop 1, the input is the embedding of the
    /// token. At later loops, it is the hidden state after the previous loop.
    private func load(_ index: Int, of pass: ForwardPass) {
        let row = pass.rows[index]
        if row.loop == 1 { weights.embedding.write(row.token, to: row.state, kernels: kernels) }
        work.residual.row(index).update(from: row.state, count: configuration.hiddenSize)
        rope.write(position: row.position, cosine: work.cosine.row(index), sine: work.sine.row(index))
        normalise(index, weights.layers[0].inputNorm)
    }

    /// Adds the attention output to the residual, and normalises it for the MLP.
    private func addAttention(_ row: Int, layer: Int) {
        addProjected(row, weights.layers[layer].attentionNorm)
        normalise(row, weights.layers[layer].mlpInputNorm)
    }

    /// Adds the MLP output to the residual, and normalises it for the next layer.
    private func addMLP(_ row: Int, layer: Int) {
        addProjected(row, weights.layers[layer].mlpNorm)
        if layer + 1 < weights.layers.count { normalise(row, weights.layers[layer + 1].inputNorm) }
    }

    /// Applies the final norm and computes the gate. The next loop, the gate and the head all read the normalised
    /// state.
    private func finish(_ index: Int, of pass: ForwardPass) {
        let hidden = configuration.hiddenSize
        let (residual, state) = (work.residual.row(index), pass.rows[index].state)
        let outcome = work.outcomes.row(index)
        kernels.table.rms_norm(residual, weights.finalNorm, hidden, configuration.rmsNormEpsilon, residual)
        outcome[0] = kernels.table.dot(residual, weights.gate, hidden) + weights.gateBias
        kernels.table.squared_change(residual, state, hidden, outcome + 1, outcome + 2)
        state.update(from: residual, count: hidden)
    }

    private func normalise(_ row: Int, _ norm: [Float]) {
        kernels.table.rms_norm(
            work.residual.row(row), norm, configuration.hiddenSize, configuration.rmsNormEpsilon, work.normed.row(row))
    }

    /// Normalises the projected values and adds them to the residual stream.
    private func addProjected(_ row: Int, _ norm: [Float]) {
        kernels.table.add_rms_norm(
            work.residual.row(row), work.projected.row(row), norm, configuration.hiddenSize,
            configuration.rmsNormEpsilon)
    }
}
