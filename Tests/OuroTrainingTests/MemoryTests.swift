import AllocationCounter
import Foundation
import Testing

@testable import Ouro
@testable import OuroTraining

/// What a step keeps, and that it asks for no memory after the first.
@Suite struct MemoryTests {
    @Test(arguments: ActivationStorage.allCases) func aStepAsksForNoMemoryAfterTheFirst(
        activations: ActivationStorage
    ) throws {
        guard allocation_counter_works() == 1 else { return }
        let harness = try TrainingHarness("train_c_gqa_seed1", threads: 1)
        let optimizer = AdamW(harness.model.trainables, settings: OptimizerSettings())
        let batch = try harness.batch(0)
        let settings = harness.settings(.expectedLoss(beta: 0.1), activations: activations)
        var metrics = StepMetrics(loops: settings.loops)
        func step() {
            harness.step.computeGradients(batch, settings, metrics: &metrics)
            optimizer.update(rate: 1e-4, gradientNorm: optimizer.gradientNorm(gateOnly: false), gateOnly: false)
            harness.model.parametersChanged()
        }
        step()
        let before = allocated_bytes()
        step()
        // Unoptimised code keeps some closures on the heap; a single activation would be larger than all of them.
        let closures = 64 << 10
        let asked = allocated_bytes() - before
        #expect(asked < closures, "\(asked) bytes in a step")
        let array = [Int](repeating: 1, count: closures)
        #expect(allocated_bytes() - before > closures, "\(array.count) numbers were not counted")
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
