import Ouro
import OuroData
import OuroKernels

/// Computes the losses of a micro-batch and the gradients of all parameters: T loops forward, the head, T loops
/// backward.
///
/// All arithmetic is in f32. Activations stored for the backward pass may be in bf16. Memory is allocated once for a
/// shape and a number of loops.
final class LoopGradients {
    private let model: TrainableModel
    let shape: MicroBatchShape
    let loops: Int
    let activations: ActivationStorage

    private let rotary: RotaryTable
    /// The stored activations of each loop; a single element if loops are recomputed. In bf16, all elements share one
    /// `LayerActivations`, and the stored values are in `compact`.
    private let kept: [LoopActivations]
    /// The stored activations in bf16, [loop][layer].
    private let compact: [[CompactActivations]]
    /// In bf16 only: the residual stream before a layer, loaded for its backward pass.
    private let layerInput: FloatRows
    private let scratch: LayerScratch
    private let head: TrainingHead
    /// Hidden states: those of the embedding, then those after each loop.
    private let hidden: [FloatRows]
    /// Gradients of the hidden states after each loop that come from the head and the gate.
    private let hiddenGradients: [FloatRows]
    private let gradient: FloatRows
    /// Gate logits, later their gradients, [loop][position with a target].
    private let gates: FloatRows
    private let crossEntropies: FloatRows
    private let weights: FloatRows
    private var exits: ExitMath
    private var positions: [Int] = []

    init(_ model: TrainableModel, shape: MicroBatchShape, loops: Int, activations: ActivationStorage) {
        self.model = model
        self.shape = shape
        self.loops = loops
        self.activations = activations
        let configuration = model.configuration
        rotary = RotaryTable(configuration, length: shape.length)
        if activations == .bf16 {
            let layer = LayerActivations(configuration, shape)
            let layers = Array(repeating: layer, count: configuration.layerCount)
            kept = (0..<loops).map { _ in LoopActivations(layers: layers, shape) }
            compact = (0..<loops).map { _ in layers.map(CompactActivations.init) }
            layerInput = FloatRows(rows: shape.positions, columns: configuration.hiddenSize)
        } else {
            kept = (0..<(activations == .recomputed ? 1 : loops)).map { _ in LoopActivations(configuration, shape) }
            compact = []
            layerInput = FloatRows(rows: 0, columns: 0)
        }
        scratch = LayerScratch(configuration, shape, compute: model.compute)
        head = TrainingHead(model, positions: shape.positions)
        func states() -> FloatRows { FloatRows(rows: shape.positions, columns: configuration.hiddenSize) }
        hidden = (0...loops).map { _ in states() }
        hiddenGradients = (0..<loops).map { _ in states() }
        gradient = states()
        gates = FloatRows(rows: loops, columns: shape.positions)
        crossEntropies = FloatRows(rows: loops, columns: shape.positions)
        weights = FloatRows(rows: loops, columns: shape.positions)
        exits = ExitMath(loops: loops)
        positions.reserveCapacity(shape.positions)
    }

    private var compute: Compute { model.compute }
    private var width: Int { model.configuration.hiddenSize }

    /// Adds the gradients of one micro-batch to the model's gradients, and its losses to `metrics`.
    ///
    /// - Parameters:
    ///   - batch: the batch.
    ///   - first: the first of the micro-batch's `shape.rows` sequences.
    ///   - targetCount: positions with a target in the whole batch. The objective is the mean over them.
    ///   - objective: the loss to minimise.
    ///   - metrics: receives the losses.
    func accumulate(
        _ batch: TrainingBatch, first: Int, targetCount: Int, objective: Objective, metrics: inout StepMetrics
    ) {
        let start = first * shape.length
        batch.tokens.withUnsafeBufferPointer { tokens in
            batch.targets.withUnsafeBufferPointer { targets in
                batch.documentStart.withUnsafeBufferPointer { documents in
                    guard let tokens = tokens.baseAddress, let targets = targets.baseAddress,
                        let documents = documents.baseAddress
                    else { return }
                    accumulate(
                        tokens + start, targets + start, documents + start, targetCount: targetCount,
                        objective: objective, metrics: &metrics)
                }
            }
        }
    }

    private func accumulate(
        _ tokens: UnsafePointer<Int32>, _ targets: UnsafePointer<Int32>, _ documents: UnsafePointer<Int32>,
        targetCount: Int, objective: Objective, metrics: inout StepMetrics
    ) {
        positions.removeAll(keepingCapacity: true)
        for position in 0..<shape.positions where targets[position] >= 0 { positions.append(position) }
        embed(tokens)
        for loop in 0..<loops { forward(loop, documents) }
        readGates()
        weigh(objective, targetCount: targetCount)
        for loop in 0..<loops { runHead(loop, targets, objective) }
        finish(objective, targetCount: targetCount, metrics: &metrics)
        for loop in 0..<loops { gateBackward(loop, reachesModel: !objective.freezesModel) }
        guard !objective.freezesModel else { return }
        for loop in stride(from: loops - 1, through: 0, by: -1) { backward(loop, documents) }
        embedBackward(tokens)
    }

    // MARK: embedding

    private func embed(_ tokens: UnsafePointer<Int32>) {
        let table = model.parameters.matrix(at: model.layout.embedding, columns: width)
        compute.forRows(shape.positions) { range, _ in
            for position in range {
                hidden[0].row(position).update(from: table.row(Int(tokens[position])), count: width)
            }
        }
    }

    /// A token may occur several times. So threads split the columns, and each adds up its columns in the order of the
    /// positions.
    private func embedBackward(_ tokens: UnsafePointer<Int32>) {
        let table = model.gradients.matrix(at: model.layout.embedding, columns: width)
        let block = 64
        compute.pool.forEach((width + block - 1) / block) { item, _ in
            let (column, count) = (item * block, min(block, width - item * block))
            for position in 0..<shape.positions {
                compute.table.add_scaled(
                    table.row(Int(tokens[position])) + column, gradient.row(position) + column, 1, count)
            }
        }
    }

    // MARK: loops

    private func layer(_ index: Int, _ documents: UnsafePointer<Int32>) -> TrainingLayer {
        TrainingLayer(
            model: model, index: index, shape: shape, scratch: scratch, rotary: rotary, documentStart: documents)
    }

    /// The residual stream before a layer.
    private func input(_ loop: Int, _ index: Int) -> FloatRows {
        index == 0 ? hidden[loop] : kept(loop).layers[index - 1].output
    }

    /// The residual stream before a layer, for the backward pass.
    private func inputAgain(_ loop: Int, _ index: Int) -> FloatRows {
        guard activations == .bf16, index > 0 else { return input(loop, index) }
        compact[loop][index - 1].loadOutput(into: layerInput, compute: compute)
        return layerInput
    }

    private func kept(_ loop: Int) -> LoopActivations { activations == .recomputed ? kept[0] : kept[loop] }

    /// Applies the layers, then the final norm. Its output is the input of the next loop.
    private func forward(_ loop: Int, _ documents: UnsafePointer<Int32>) {
        let kept = kept(loop)
        for (index, activations) in kept.layers.enumerated() {
            let layer = layer(index, documents)
            layer.attentionForward(input(loop, index), activations)
            layer.mlpForward(activations)
            if self.activations == .bf16 { compact[loop][index].save(activations, compute: compute) }
        }
        guard let last = kept.layers.last?.output else { return }
        compute.forRows(shape.positions) { range, _ in
            let first = range.lowerBound
            compute.table.norm(
                last.row(first), last.stride, model.parameters.base + model.layout.finalNorm, range.count, width,
                model.configuration.rmsNormEpsilon, hidden[loop + 1].row(first), hidden[loop + 1].stride,
                kept.finalInverseRoots.row(0) + first)
        }
    }

    /// Computes the gradient of the hidden states before a loop from that after it. The result is in `gradient`.
    private func backward(_ loop: Int, _ documents: UnsafePointer<Int32>) {
        // The activations of the last loop are still in memory.
        if activations == .recomputed, loop < loops - 1 { forward(loop, documents) }
        let kept = kept(loop)
        if activations == .bf16 { compact[loop].last?.load(into: kept.layers[0], compute: compute) }
        guard let last = kept.layers.last?.output else { return }
        let after = hiddenGradients[loop]
        compute.forRows(shape.positions) { range, chunk in
            let (first, partial) = (range.lowerBound, scratch.normPartials.row(2 * chunk))
            if loop < loops - 1 {
                for position in range {
                    compute.table.add_scaled(after.row(position), gradient.row(position), 1, width)
                }
            }
            partial.update(repeating: 0, count: width)
            compute.table.norm_backward(
                after.row(first), after.stride, last.row(first), last.stride,
                model.parameters.base + model.layout.finalNorm, kept.finalInverseRoots.row(0) + first, range.count,
                width, 0, gradient.row(first), gradient.stride, partial)
        }
        for chunk in 0..<Compute.chunkCount(shape.positions) {
            compute.table.add_scaled(
                model.gradients.base + model.layout.finalNorm, scratch.normPartials.row(2 * chunk), 1, width)
        }
        for (index, activations) in kept.layers.enumerated().reversed() {
            let layer = layer(index, documents)
            if self.activations == .bf16, index < kept.layers.count - 1 {
                compact[loop][index].load(into: activations, compute: compute)
            }
            layer.mlpBackward(activations, gradient: gradient)
            layer.attentionBackward(inputAgain(loop, index), activations, gradient: gradient)
        }
    }

    // MARK: gate and head

    private func readGates() {
        let weight = model.parameters.base + model.layout.gate
        let bias = model.parameters.base[model.layout.gateBias]
        for loop in 0..<loops {
            let (states, out) = (hidden[loop + 1], gates.row(loop))
            compute.forRows(positions.count) { range, _ in
                for index in range {
                    out[index] = compute.kernels.table.dot(states.row(positions[index]), weight, width) + bias
                }
            }
        }
    }

    /// Computes the weight of every cross-entropy in the objective of the step.
    private func weigh(_ objective: Objective, targetCount: Int) {
        for index in positions.indices {
            distribute(index)
            for loop in 0..<loops {
                weights.row(loop)[index] = Float(exits.weight(loop, objective) / Double(targetCount))
            }
        }
    }

    private func distribute(_ index: Int) {
        for loop in 0..<loops { exits.gate[loop] = Double(gates.row(loop)[index]) }
        exits.distribute()
    }

    private func runHead(_ loop: Int, _ targets: UnsafePointer<Int32>, _ objective: Objective) {
        let gradients = hiddenGradients[loop]
        if !objective.freezesModel {
            compute.forRows(shape.positions) { range, _ in
                for position in range { gradients.row(position).update(repeating: 0, count: width) }
            }
        }
        let hasGradient = !objective.freezesModel && (objective != .lastLoop || loop == loops - 1)
        head.run(
            positions: positions, targets: targets, states: hidden[loop + 1],
            weight: hasGradient ? UnsafePointer(weights.row(loop)) : nil, crossEntropy: crossEntropies.row(loop),
            stateGradient: gradients)
    }

    /// Adds the losses to `metrics`, and replaces the gate logits by their gradients.
    private func finish(_ objective: Objective, targetCount: Int, metrics: inout StepMetrics) {
        for index in positions.indices {
            distribute(index)
            for loop in 0..<loops {
                exits.crossEntropy[loop] = Double(crossEntropies.row(loop)[index])
                metrics.crossEntropySums[loop] += exits.crossEntropy[loop]
                metrics.exitSums[loop] += exits.probability[loop]
            }
            metrics.entropySum += exits.entropy
            metrics.objectiveSum += exits.evaluate(objective)
            for loop in 0..<loops { gates.row(loop)[index] = Float(exits.gateGradient[loop] / Double(targetCount)) }
        }
        metrics.count += positions.count
    }

    private func gateBackward(_ loop: Int, reachesModel: Bool) {
        let (gradients, states) = (gates.row(loop), hidden[loop + 1])
        let weight = model.parameters.base + model.layout.gate
        let weightGradient = model.gradients.base + model.layout.gate
        for (index, position) in positions.enumerated() where gradients[index] != 0 {
            compute.table.add_scaled(weightGradient, states.row(position), gradients[index], width)
            model.gradients.base[model.layout.gateBias] += gradients[index]
        }
        guard reachesModel else { return }
        let target = hiddenGradients[loop]
        compute.forRows(positions.count) { range, _ in
            for index in range where gradients[index] != 0 {
                compute.table.add_scaled(target.row(positions[index]), weight, gradients[index], width)
            }
        }
    }
}

extension LoopGradients {
    /// The cross-entropies after a loop, in the order of the positions with a target of the last call. For tests.
    func crossEntropy(loop: Int) -> [Float] { Array(crossEntropies.values(loop).prefix(positions.count)) }
}
