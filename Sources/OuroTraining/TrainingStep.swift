import Ouro
import OuroData

/// The settings of a training step: objective, loops, micro-batches and memory.
struct StepSettings: Sendable, Equatable {
    /// Loops to train with.
    var loops: Int
    /// The loss to minimise.
    var objective: Objective
    /// Sequences of a micro-batch. A batch is computed as several micro-batches, whose gradients are summed.
    var microBatch: Int
    /// How activations are stored for the backward pass.
    var activations: ActivationStorage

    /// Makes settings.
    ///
    /// - Parameters:
    ///   - loops: loops to train with.
    ///   - objective: the loss to minimise.
    ///   - microBatch: sequences of a micro-batch.
    ///   - activations: how activations are stored for the backward pass.
    init(loops: Int, objective: Objective, microBatch: Int, activations: ActivationStorage = .f32) {
        self.loops = loops
        self.objective = objective
        self.microBatch = microBatch
        self.activations = activations
    }
}

/// Computes the gradients of a batch, micro-batch by micro-batch. Memory is reused from step to step while the shapes
/// stay the same.
final class TrainingStep {
    let model: TrainableModel
    private var workers: [LoopGradients] = []

    init(_ model: TrainableModel) { self.model = model }

    /// Frees memory whose contents depend on the configuration, such as RoPE tables.
    func reset() { workers = [] }

    /// Sets the model's gradients to those of the mean objective over a batch.
    func computeGradients(_ batch: TrainingBatch, _ settings: StepSettings, metrics: inout StepMetrics) {
        metrics.reset(loops: settings.loops)
        model.gradients.clear()
        var targetCount = 0
        for target in batch.targets where target >= 0 { targetCount += 1 }
        guard targetCount > 0 else { return }
        var first = 0
        while first < batch.rows {
            let rows = min(max(settings.microBatch, 1), batch.rows - first)
            worker(MicroBatchShape(rows: rows, length: batch.length), settings).accumulate(
                batch, first: first, targetCount: targetCount, objective: settings.objective, metrics: &metrics)
            first += rows
        }
    }

    private func worker(_ shape: MicroBatchShape, _ settings: StepSettings) -> LoopGradients {
        let fits = { (worker: LoopGradients) in
            worker.shape == shape && worker.loops == settings.loops && worker.activations == settings.activations
        }
        if let worker = workers.first(where: fits) { return worker }
        // Two shapes are in use at most: full micro-batches and a smaller last one.
        if workers.count >= 2 { workers = [] }
        let worker = LoopGradients(
            model, shape: shape, loops: settings.loops, activations: settings.activations)
        workers.append(worker)
        return worker
    }
}
