import AllocationCounter
import Foundation
import OuroData
import Testing

@testable import Ouro
@testable import OuroTraining

/// Tests that a training step after the first one allocates nothing that grows with the batch.
@Suite struct MemoryTests {
    /// The limit of one allocation in bytes. Unoptimised code allocates closures and iterators of a few hundred bytes
    /// at most. A number for every position of the batch takes more than the limit.
    private static let closure = 1 << 10

    /// Skips tests that count allocations if the process's allocator cannot be replaced.
    private static let counts = ConditionTrait.enabled(
        if: allocation_counter_works() == 1, "allocations are counted with glibc only")

    /// Calls a step twice, and compares the largest allocation of the second call with ``closure``.
    private static func expectNoMemoryAsked(_ step: (TrainingBatch) -> Void) {
        var batch = TrainingBatch(rows: 8, length: 128)
        for index in batch.targets.indices { batch.targets[index] = Int32(index % 7) }
        step(batch)
        watch_allocations()
        step(batch)
        let asked = largest_allocation()
        #expect(asked < closure, "\(asked) bytes in one piece")
        let numbers = [Float](repeating: 1, count: batch.tokens.count)
        #expect(largest_allocation() >= 4 * numbers.count, "a number for every position was not noticed")
    }

    @Test(counts, arguments: ActivationStorage.allCases) func aStepAsksForNoMemoryAfterTheFirst(
        activations: ActivationStorage
    ) throws {
        let harness = try TrainingHarness("train_c_gqa_seed1", threads: 1)
        let optimizer = AdamW(harness.model.trainables, settings: OptimizerSettings())
        let settings = harness.settings(.expectedLoss(beta: 0.1), microBatch: 4, activations: activations)
        var metrics = StepMetrics(loops: settings.loops)
        Self.expectNoMemoryAsked { batch in
            harness.step.computeGradients(batch, settings, metrics: &metrics)
            optimizer.update(rate: 1e-4, gradientNorm: optimizer.gradientNorm(gateOnly: false), gateOnly: false)
            harness.model.parametersChanged()
        }
    }

    @Test(counts) func aStepOfTheGateAsksForNoMemoryAfterTheFirst() throws {
        let harness = try TrainingHarness("train_c_gqa_seed1", threads: 1)
        let optimizer = AdamW(harness.model.trainables, settings: OptimizerSettings())
        let settings = harness.settings(.gate(.toCome), microBatch: 4)
        var metrics = StepMetrics(loops: settings.loops)
        Self.expectNoMemoryAsked { batch in
            harness.step.computeGradients(batch, settings, metrics: &metrics)
            optimizer.update(rate: 1e-4, gradientNorm: optimizer.gradientNorm(gateOnly: true), gateOnly: true)
            harness.model.parametersChanged()
        }
    }

    @Test(counts) func aStepOfAdaptersAsksForNoMemoryAfterTheFirst() throws {
        let harness = try TrainingHarness("train_c_gqa_seed1", threads: 1)
        let adapters = LowRankAdapters(
            harness.model, settings: .init(rank: 2, alpha: 4, targets: Adapter.targets), seed: 3, path: "")
        let optimizer = AdamW(adapters.trainables, settings: OptimizerSettings())
        let settings = harness.settings(.expectedLoss(beta: 0.1), microBatch: 4)
        var metrics = StepMetrics(loops: settings.loops)
        Self.expectNoMemoryAsked { batch in
            harness.step.computeGradients(batch, settings, metrics: &metrics)
            adapters.projectGradients()
            optimizer.update(rate: 1e-4, gradientNorm: optimizer.gradientNorm(gateOnly: false), gateOnly: false)
            adapters.merge()
        }
    }

    @Test(arguments: TrainingFixtures.cases) func activationsInHalfTheBitsGiveNearlyTheSameGradients(
        name: String
    ) throws {
        let harness = try TrainingHarness(name)
        let batch = try harness.batch(0)
        let objective = Objective.expectedLoss(beta: 0.1)
        let exact = harness.gradients(batch, harness.settings(objective))
        let expected = harness.model.gradients.values(0..<harness.model.layout.count)
        let rounded = harness.gradients(batch, harness.settings(objective, activations: .bf16))
        let found = harness.model.gradients.values(0..<harness.model.layout.count)
        #expect(exact == rounded, "the forward computation is the same")
        let norm = FiniteDifferenceTests.sum(expected, expected).squareRoot()
        let difference = zip(found, expected).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }.squareRoot()
        #expect(difference > 0 && difference < 1e-2 * norm, "off by \(difference), norm \(norm)")
    }
}
