import Ouro
import OuroKernels

/// The forward and the backward pass of one layer: `x += norm(attention(norm x))`, then `x += norm(mlp(norm x))`.
///
/// Every step of a forward function has its counterpart in the backward function, in reverse order. A backward function
/// takes the gradient of the residual stream after it, and replaces it by the gradient of the stream before it. It adds
/// to the gradients of the parameters.
struct TrainingLayer {
    let model: TrainableModel
    let index: Int
    let shape: MicroBatchShape
    let scratch: LayerScratch
    let rotary: RotaryTable
    /// For every position, the first position that it attends to. [sequence][position].
    let documentStart: UnsafePointer<Int32>

    private var compute: Compute { model.compute }
    private var configuration: ModelConfiguration { model.configuration }
    private var offsets: ParameterLayout.Layer { model.layout.layers[index] }
    private var transposed: TransposedWeights.Layer { model.transposed.layers[index] }
    private var hidden: Int { configuration.hiddenSize }
    private var queryWidth: Int { configuration.headCount * configuration.headDimension }
    private var keyWidth: Int { configuration.keyValueHeadCount * configuration.headDimension }
    private var mlpWidth: Int { configuration.intermediateSize }

    // MARK: attention

    func attentionForward(_ x: FloatRows, _ kept: LayerActivations) {
        norm(x, offsets.inputNorm, to: kept.normed, inverseRoots: kept.inverseRoots.row(0))
        compute.product(
            kept.normed.view, transposed.queryKeyValue.view, into: kept.queryKeyValue.view, rows: shape.positions,
            columns: queryWidth + 2 * keyWidth, depth: hidden)
        rotate(kept.queryKeyValue, sine: rotary.sine)
        attend(kept) { attention, _, _ in compute.table.attention(&attention) }
        compute.product(
            kept.attended.view, transposed.attentionOutput.view, into: kept.attentionOutput.view,
            rows: shape.positions, columns: hidden, depth: queryWidth)
        addNorm(
            x, kept.attentionOutput, offsets.attentionNorm, to: kept.middle, inverseRoots: kept.inverseRoots.row(1))
    }

    /// The backward pass of attention. `mlpBackward(_:gradient:)` must have run before.
    ///
    /// - Parameters:
    ///   - x: the residual stream before the layer.
    ///   - kept: the activations of the forward pass.
    ///   - gradient: the gradient of the stream after attention. It is replaced by the gradient before attention.
    func attentionBackward(_ x: FloatRows, _ kept: LayerActivations, gradient: FloatRows) {
        // The last step of the MLP's backward pass has computed the gradient of this branch.
        compute.product(
            scratch.branch.view, matrix(offsets.attentionOutput, inputs: queryWidth), into: scratch.attended.view,
            rows: shape.positions, columns: queryWidth, depth: hidden)
        addWeightGradient(offsets.attentionOutput, of: scratch.branch, hidden, inputs: kept.attended, queryWidth)
        attend(kept) { attention, row, group in
            setGradients(&attention, row: row, group: group)
            compute.table.attention_backward(&attention)
        }
        rotate(scratch.queryKeyValue, sine: rotary.negativeSine)
        compute.product(
            scratch.queryKeyValue.view, matrix(offsets.queryKeyValue, inputs: hidden), into: scratch.normed.view,
            rows: shape.positions, columns: hidden, depth: queryWidth + 2 * keyWidth)
        addWeightGradient(
            offsets.queryKeyValue, of: scratch.queryKeyValue, queryWidth + 2 * keyWidth, inputs: kept.normed, hidden)
        compute.forRows(shape.positions) { range, chunk in
            normBackward(
                scratch.normed, x, offsets.inputNorm, kept.inverseRoots.row(0), range, to: gradient, adds: true,
                partial: 2 * chunk)
        }
        addNormGradient(offsets.inputNorm, partial: 0)
    }

    // MARK: MLP

    func mlpForward(_ kept: LayerActivations) {
        norm(kept.middle, offsets.mlpInputNorm, to: kept.mlpNormed, inverseRoots: kept.inverseRoots.row(2))
        compute.product(
            kept.mlpNormed.view, transposed.gateUp.view, into: kept.gateUp.view, rows: shape.positions,
            columns: 2 * mlpWidth, depth: hidden)
        compute.forRows(shape.positions) { range, _ in
            let (from, to) = (kept.gateUp, scratch.activated)
            compute.table.swiglu(
                from.row(range.lowerBound), from.stride, range.count, mlpWidth, to.row(range.lowerBound), to.stride)
        }
        compute.product(
            scratch.activated.view, transposed.down.view, into: kept.mlpOutput.view, rows: shape.positions,
            columns: hidden, depth: mlpWidth)
        addNorm(
            kept.middle, kept.mlpOutput, offsets.mlpNorm, to: kept.output, inverseRoots: kept.inverseRoots.row(3))
    }

    /// The backward pass of the MLP. It also leaves the gradient of attention's output in `scratch.branch`.
    func mlpBackward(_ kept: LayerActivations, gradient: FloatRows) {
        compute.forRows(shape.positions) { range, chunk in
            normBackward(
                gradient, kept.mlpOutput, offsets.mlpNorm, kept.inverseRoots.row(3), range, to: scratch.branch,
                adds: false, partial: 2 * chunk)
        }
        addNormGradient(offsets.mlpNorm, partial: 0)
        compute.product(
            scratch.branch.view, matrix(offsets.down, inputs: mlpWidth), into: scratch.activated.view,
            rows: shape.positions, columns: mlpWidth, depth: hidden)
        compute.forRows(shape.positions) { range, _ in
            let (from, to, activated) = (kept.gateUp, scratch.gateUp, scratch.activated)
            compute.table.swiglu_backward(
                from.row(range.lowerBound), from.stride, activated.row(range.lowerBound), activated.stride,
                range.count, mlpWidth, to.row(range.lowerBound), to.stride, activated.row(range.lowerBound),
                activated.stride)
        }
        addWeightGradient(offsets.down, of: scratch.branch, hidden, inputs: scratch.activated, mlpWidth)
        compute.product(
            scratch.gateUp.view, matrix(offsets.gateUp, inputs: hidden), into: scratch.normed.view,
            rows: shape.positions, columns: hidden, depth: 2 * mlpWidth)
        addWeightGradient(offsets.gateUp, of: scratch.gateUp, 2 * mlpWidth, inputs: kept.mlpNormed, hidden)
        compute.forRows(shape.positions) { range, chunk in
            normBackward(
                scratch.normed, kept.middle, offsets.mlpInputNorm, kept.inverseRoots.row(2), range, to: gradient,
                adds: true, partial: 2 * chunk)
            normBackward(
                gradient, kept.attentionOutput, offsets.attentionNorm, kept.inverseRoots.row(1), range,
                to: scratch.branch, adds: false, partial: 2 * chunk + 1)
        }
        addNormGradient(offsets.mlpInputNorm, partial: 0)
        addNormGradient(offsets.attentionNorm, partial: 1)
    }
}

// MARK: steps

extension TrainingLayer {
    /// A parameter matrix in its original layout, [outputs][inputs].
    private func matrix(_ offset: Int, inputs: Int) -> MatrixView {
        model.parameters.matrix(at: offset, columns: inputs)
    }

    /// Adds (gradient of the outputs)^T * inputs to the gradient of a weight matrix.
    private func addWeightGradient(
        _ offset: Int, of outputs: FloatRows, _ outputCount: Int, inputs: FloatRows, _ inputCount: Int
    ) {
        compute.product(
            outputs.view, inputs.view, into: model.gradients.matrix(at: offset, columns: inputCount),
            rows: outputCount, columns: inputCount, depth: shape.positions, transposesA: true, adds: true)
    }

    private func norm(
        _ x: FloatRows, _ weight: Int, to y: FloatRows, inverseRoots: UnsafeMutablePointer<Float>
    ) {
        compute.forRows(shape.positions) { range, _ in
            let first = range.lowerBound
            compute.table.norm(
                x.row(first), x.stride, model.parameters.base + weight, range.count, hidden,
                configuration.rmsNormEpsilon, y.row(first), y.stride, inverseRoots + first)
        }
    }

    private func addNorm(
        _ x: FloatRows, _ delta: FloatRows, _ weight: Int, to y: FloatRows, inverseRoots: UnsafeMutablePointer<Float>
    ) {
        compute.forRows(shape.positions) { range, _ in
            let first = range.lowerBound
            compute.table.add_norm(
                x.row(first), x.stride, delta.row(first), delta.stride, model.parameters.base + weight, range.count,
                hidden, configuration.rmsNormEpsilon, y.row(first), y.stride, inverseRoots + first)
        }
    }

    /// Computes the gradient of a norm's input for some positions. Their part of the weight's gradient goes to row
    /// `partial` of `scratch.normPartials`.
    private func normBackward(
        _ yGradient: FloatRows, _ x: FloatRows, _ weight: Int, _ inverseRoots: UnsafeMutablePointer<Float>,
        _ range: Range<Int>, to xGradient: FloatRows, adds: Bool, partial: Int
    ) {
        let first = range.lowerBound
        let weightGradient = scratch.normPartials.row(partial)
        weightGradient.update(repeating: 0, count: hidden)
        compute.table.norm_backward(
            yGradient.row(first), yGradient.stride, x.row(first), x.stride, model.parameters.base + weight,
            inverseRoots + first, range.count, hidden, adds ? 1 : 0, xGradient.row(first), xGradient.stride,
            weightGradient)
    }

    /// Adds the partial gradients of a norm's weight, in the order of the chunks.
    private func addNormGradient(_ weight: Int, partial: Int) {
        for chunk in 0..<Compute.chunkCount(shape.positions) {
            compute.table.add_scaled(
                model.gradients.base + weight, scratch.normPartials.row(2 * chunk + partial), 1, hidden)
        }
    }

    /// Applies RoPE to queries and keys, which are adjacent.
    private func rotate(_ rows: FloatRows, sine: FloatRows) {
        let heads = configuration.headCount + configuration.keyValueHeadCount
        compute.forRows(shape.positions) { range, _ in
            for position in range {
                let angle = position % shape.length
                compute.kernels.table.rope(
                    rows.row(position), heads, configuration.headDimension, rotary.cosine.row(angle), sine.row(angle))
            }
        }
    }

    /// Calls `body` for every sequence and KV head.
    private func attend(
        _ kept: LayerActivations,
        _ body: (_ attention: inout ouro_training_attention, _ row: Int, _ group: Int) -> Void
    ) {
        let groups = configuration.keyValueHeadCount
        let (headsPerGroup, dimension) = (configuration.headCount / groups, configuration.headDimension)
        compute.pool.forEach(shape.rows * groups) { item, worker in
            let (row, group) = (item / groups, item % groups)
            let position = row * shape.length
            let source = kept.queryKeyValue.row(position)
            let queries = group * headsPerGroup * dimension
            var attention = ouro_training_attention()
            attention.query = UnsafePointer(source + queries)
            attention.key = UnsafePointer(source + queryWidth + group * dimension)
            attention.value = UnsafePointer(source + queryWidth + keyWidth + group * dimension)
            attention.stride = kept.queryKeyValue.stride
            attention.output = kept.attended.row(position) + queries
            attention.output_stride = kept.attended.stride
            attention.log_sums = kept.logSums.row(row) + group * headsPerGroup * shape.length
            attention.first = documentStart + position
            attention.scratch = scratch.attention.row(worker)
            attention.length = shape.length
            attention.window = Int64(configuration.slidingWindows[index] ?? 0)
            attention.heads = Int32(headsPerGroup)
            attention.head_dimension = Int32(dimension)
            attention.scale = 1 / Float(dimension).squareRoot()
            body(&attention, row, group)
        }
    }

    private func setGradients(_ attention: inout ouro_training_attention, row: Int, group: Int) {
        let (headsPerGroup, dimension) = (
            configuration.headCount / configuration.keyValueHeadCount, configuration.headDimension
        )
        let position = row * shape.length
        let target = scratch.queryKeyValue.row(position)
        let queries = group * headsPerGroup * dimension
        attention.output_gradient = UnsafePointer(scratch.attended.row(position) + queries)
        attention.query_gradient = target + queries
        attention.key_gradient = target + queryWidth + group * dimension
        attention.value_gradient = target + queryWidth + keyWidth + group * dimension
        attention.gradient_stride = scratch.queryKeyValue.stride
    }
}
