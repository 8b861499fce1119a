import Foundation
import Testing

@testable import Ouro
@testable import OuroTraining

/// Compares losses, gradients and optimiser steps with those of the published modelling code. Gradients are compared
/// for every kernel variant of this machine.
@Suite struct GoldenGradientTests {
    static let kernels = Kernels.available.map(\.name)

    @Test(arguments: TrainingFixtures.cases, kernels) func gradientsOfTheMeanOfLoops(
        name: String, kernels: String
    ) throws {
        let harness = try TrainingHarness(name, kernels: kernels)
        let metrics = harness.gradients(try harness.batch(0), harness.settings(.meanOfLoops))
        let expected = try harness.golden.floats("ce_steps")
        for (loop, (found, wanted)) in zip(metrics.crossEntropy, expected).enumerated() {
            #expect(abs(found - Double(wanted)) < 1e-4, "loop \(loop + 1): \(found), expected \(wanted)")
        }
        try harness.expectTensors("grad_avg", of: harness.model.gradients, within: 1e-4)
    }

    @Test(arguments: TrainingFixtures.cases, kernels) func gradientsOfStageI(name: String, kernels: String) throws {
        let harness = try TrainingHarness(name, kernels: kernels)
        let metrics = harness.gradients(try harness.batch(0), harness.settings(.expectedLoss(beta: 0.1)))
        let entropy = try harness.golden.floats("entropy").reduce(0.0) { $0 + Double($1) } / Double(metrics.count)
        #expect(abs(metrics.entropy - entropy) < 1e-5, "\(metrics.entropy), expected \(entropy)")
        try harness.expectTensors("grad_stage1", of: harness.model.gradients, within: 1e-4)
    }

    @Test(arguments: TrainingFixtures.cases) func threeStepsOfAdamW(name: String) throws {
        let harness = try TrainingHarness(name)
        let optimizer = AdamW(harness.model.trainables, settings: OptimizerSettings())
        for step in 0..<3 {
            _ = harness.gradients(try harness.batch(step), harness.settings(.expectedLoss(beta: 0.1)))
            optimizer.update(rate: 1e-3, gradientNorm: optimizer.gradientNorm(gateOnly: false), gateOnly: false)
            harness.model.parametersChanged()
        }
        for tensor in harness.model.layout.tensors {
            let expected = try harness.golden.floats("adamw3.\(tensor.name)")
            let found = harness.model.parameters.values(tensor.range)
            let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(worst <= 1e-5, "\(tensor.name): off by \(worst)")
        }
    }

    @Test func recomputingLoopsChangesNoBit() throws {
        let harness = try TrainingHarness("train_c_gqa_seed1")
        let batch = try harness.batch(0)
        _ = harness.gradients(batch, harness.settings(.expectedLoss(beta: 0.1)))
        let kept = harness.model.gradients.values(0..<harness.model.layout.count)
        _ = harness.gradients(batch, harness.settings(.expectedLoss(beta: 0.1), activations: .recomputed))
        #expect(harness.model.gradients.values(0..<harness.model.layout.count) == kept)
    }

    @Test func threadsChangeNoBit() throws {
        var found: [[Float]] = []
        for threads in [1, 2, 5] {
            let harness = try TrainingHarness("train_e_ut6_seed1", threads: threads)
            _ = harness.gradients(try harness.batch(1), harness.settings(.expectedLoss(beta: 0.05)))
            found.append(harness.model.gradients.values(0..<harness.model.layout.count))
        }
        #expect(found[0] == found[1] && found[0] == found[2])
    }

    @Test func partsOfABatchAddUpToIt() throws {
        let harness = try TrainingHarness("train_a_mha_seed1")
        _ = harness.gradients(try harness.batch(0), harness.settings(.expectedLoss(beta: 0.1), microBatch: 1))
        try harness.expectTensors("grad_stage1", of: harness.model.gradients, within: 1e-4)
    }
}
