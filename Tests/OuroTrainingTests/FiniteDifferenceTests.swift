import Foundation
import OuroData
import Testing

@testable import Ouro
@testable import OuroTraining

/// Compares the gradients of every backward kernel and of whole models with finite differences.
@Suite struct FiniteDifferenceTests {
    static let kernels = Kernels.available.map(\.name)

    /// Pseudo-random values of a normal distribution.
    static func values(_ count: Int, seed: UInt64) -> [Float] {
        var noise = NormalNoise(seed: seed, stream: 0)
        return (0..<count).map { _ in noise.next() }
    }

    /// Compares finite differences of `loss` along random directions with the gradient.
    static func expectDerivative(
        _ what: String, at x: [Float], gradient: [Float], tolerance: Double = 2e-3, step: Float = 1e-2,
        _ loss: ([Float]) -> Double
    ) {
        for seed in 0..<4 {
            let direction = values(x.count, seed: UInt64(100 + seed))
            let ahead = loss(zip(x, direction).map { $0 + step * $1 })
            let behind = loss(zip(x, direction).map { $0 - step * $1 })
            let found = (ahead - behind) / Double(2 * step)
            let expected = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            let size = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(
                abs(found - expected) <= tolerance * max(size, 1e-3),
                "\(what): the loss changes by \(found), the gradient says \(expected) (norm \(size))")
        }
    }

    static func sum(_ y: [Float], _ weight: [Float]) -> Double {
        zip(y, weight).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    }

    @Test(arguments: kernels) func norm(name: String) throws {
        let table = try Compute(threads: 1, kernels: name).table
        let (rows, n) = (3, 21)
        let (x, w, dy) = (Self.values(rows * n, seed: 1), Self.values(n, seed: 2), Self.values(rows * n, seed: 3))
        var inverse = [Float](repeating: 0, count: rows)
        func forward(_ x: [Float], _ w: [Float]) -> [Float] {
            var y = x
            table.norm(x, n, w, rows, n, 1e-6, &y, n, &inverse)
            return y
        }
        _ = forward(x, w)
        var (dx, dw) = ([Float](repeating: 1, count: rows * n), [Float](repeating: 0, count: n))
        table.norm_backward(dy, n, x, n, w, inverse, rows, n, 1, &dx, n, &dw)
        Self.expectDerivative("dx", at: x, gradient: dx.map { $0 - 1 }) { Self.sum(forward($0, w), dy) }
        Self.expectDerivative("dw", at: w, gradient: dw) { Self.sum(forward(x, $0), dy) }
    }

    @Test(arguments: kernels) func swiglu(name: String) throws {
        let table = try Compute(threads: 1, kernels: name).table
        let (rows, n) = (2, 19)
        let (x, dy) = (Self.values(rows * 2 * n, seed: 4), Self.values(rows * n, seed: 5))
        func forward(_ x: [Float]) -> [Float] {
            var y = [Float](repeating: 0, count: rows * n)
            table.swiglu(x, 2 * n, rows, n, &y, n)
            return y
        }
        var (dx, again) = ([Float](repeating: 0, count: rows * 2 * n), dy)
        table.swiglu_backward(x, 2 * n, dy, n, rows, n, &dx, 2 * n, &again, n)
        Self.expectDerivative("dx", at: x, gradient: dx) { Self.sum(forward($0), dy) }
        for (found, expected) in zip(again, forward(x)) {
            #expect(abs(found - expected) <= 1e-5 * max(1, abs(expected)), "\(found), expected \(expected)")
        }
    }

    @Test(arguments: kernels) func crossEntropy(name: String) throws {
        let table = try Compute(threads: 1, kernels: name).table
        for n in [5, 37] {
            let x = Self.values(n, seed: 6)
            var dx = x
            let loss = table.cross_entropy(&dx, n, 3, 0.5)
            let expected = log(x.reduce(0.0) { $0 + exp(Double($1)) }) - Double(x[3])
            #expect(abs(Double(loss) - expected) < 1e-5, "\(loss), expected \(expected)")
            Self.expectDerivative("dx", at: x, gradient: dx) { x in
                var copy = x
                return Double(table.cross_entropy(&copy, n, 3, 1)) * 0.5
            }
        }
    }

    /// Two query heads share keys and values. Documents begin at 5 and 9. The window is 7 or none. The length takes
    /// more than one block of queries.
    @Test(arguments: kernels, [0, 7]) func attention(name: String, window: Int) throws {
        let table = try Compute(threads: 1, kernels: name).table
        let (length, heads, d) = (53, 2, 6)
        let width = (heads + 2) * d
        let first = (0..<length).map { Int32($0 < 5 ? 0 : $0 < 9 ? 5 : 9) }
        let (x, dy) = (Self.values(length * width, seed: 7), Self.values(length * heads * d, seed: 8))
        var logSums = [Float](repeating: 0, count: heads * length)
        var scratch = [Float](repeating: 0, count: table.attention_scratch(length, d))
        var y = [Float](repeating: 0, count: length * heads * d)
        var gradient = [Float](repeating: 0, count: length * width)
        func run(_ x: [Float], backward: Bool) {
            x.withUnsafeBufferPointer { x in
                y.withUnsafeMutableBufferPointer { y in
                    gradient.withUnsafeMutableBufferPointer { g in
                        logSums.withUnsafeMutableBufferPointer { logSums in
                            scratch.withUnsafeMutableBufferPointer { scratch in
                                first.withUnsafeBufferPointer { first in
                                    dy.withUnsafeBufferPointer { dy in
                                        var a = ouroAttention(x.baseAddress!, g.baseAddress!, heads: heads, d: d)
                                        a.output = y.baseAddress!
                                        a.output_gradient = dy.baseAddress!
                                        a.log_sums = logSums.baseAddress!
                                        a.scratch = scratch.baseAddress!
                                        a.first = first.baseAddress!
                                        a.length = length
                                        a.window = Int64(window)
                                        if backward { table.attention_backward(&a) } else { table.attention(&a) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        run(x, backward: false)
        let plain = Self.attention(x, length: length, heads: heads, d: d, first: first, window: window)
        for (index, (found, expected)) in zip(y, plain).enumerated() {
            #expect(abs(Double(found) - expected) < 1e-4, "output \(index): \(found), expected \(expected)")
        }
        run(x, backward: true)
        let found = gradient
        Self.expectDerivative("qkv", at: x, gradient: found) { x in
            zip(Self.attention(x, length: length, heads: heads, d: d, first: first, window: window), dy)
                .reduce(0.0) { $0 + $1.0 * Double($1.1) }
        }
    }

    /// Attention computed by its formula in f64.
    private static func attention(
        _ x: [Float], length: Int, heads: Int, d: Int, first: [Int32], window: Int
    ) -> [Double] {
        let width = (heads + 2) * d
        var result = [Double](repeating: 0, count: length * heads * d)
        for position in 0..<length {
            let low = max(Int(first[position]), window > 0 ? position - window + 1 : 0)
            for head in 0..<heads {
                let scores = (low...position).map { key in
                    (0..<d).reduce(0.0) {
                        $0 + Double(x[position * width + head * d + $1]) * Double(x[key * width + heads * d + $1])
                    } / Double(d).squareRoot()
                }
                let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
                let total = weights.reduce(0, +)
                for (key, weight) in zip(low...position, weights) {
                    for i in 0..<d {
                        result[(position * heads + head) * d + i] +=
                            weight / total * Double(x[key * width + (heads + 1) * d + i])
                    }
                }
            }
        }
        return result
    }

    @Test(arguments: [
        Objective.expectedLoss(beta: 0.1), .gate(.arrived), .gate(.toCome), .lastLoop, .meanOfLoops,
    ]) func exits(objective: Objective) {
        let losses = [2.0, 1.4, 1.5, 1.2]
        func loss(_ gate: [Float]) -> (Double, [Double]) {
            var exits = ExitMath(loops: 4)
            exits.gate = gate.map { Double($0) }
            exits.crossEntropy = losses
            exits.distribute()
            return (exits.evaluate(objective), exits.gateGradient)
        }
        let gate: [Float] = [0.3, -1.2, 0.7, 2]
        Self.expectDerivative("gate", at: gate, gradient: loss(gate).1.map { Float($0) }) { loss($0).0 }
    }

    @Test func saturatedGatesGiveFiniteGradients() {
        for gate in [[-900.0, 900, 0], [900, 900, 900], [-900, -900, -900]] {
            var exits = ExitMath(loops: 3)
            exits.gate = gate
            exits.crossEntropy = [1, 2, 3]
            exits.distribute()
            let loss = exits.evaluate(.expectedLoss(beta: 0.1))
            #expect(loss.isFinite && exits.entropy.isFinite, "\(loss), \(exits.entropy)")
            let gradients = exits.gateGradient.filter { !$0.isFinite }
            #expect(gradients.isEmpty, "\(exits.gateGradient)")
            let total = exits.probability.reduce(0, +)
            #expect(abs(total - 1) < 1e-9, "\(exits.probability)")
        }
    }

    /// The models have odd sizes, GQA, a tied or a separate head, documents, and positions without targets.
    @Test(arguments: [true, false]) func wholeModels(tied: Bool) throws {
        let configuration = ModelConfiguration(
            vocabularySize: 23, hiddenSize: 18, intermediateSize: 21, layerCount: 2, headCount: 4,
            keyValueHeadCount: 2, headDimension: 6, contextLength: 32, loops: 3, tiesWordEmbeddings: tied)
        let model = TrainableModel(configuration, compute: try Compute(threads: 2))
        model.initialise(seed: 3, deviation: 0.3)
        (model.parameters.base + model.layout.gate).update(from: Self.values(18, seed: 9), count: 18)
        model.parametersChanged()
        let step = TrainingStep(model)
        var batch = TrainingBatch(rows: 2, length: 13)
        for index in batch.tokens.indices {
            batch.tokens[index] = Int32(index * 7 % 23)
            batch.targets[index] = index % 5 == 4 ? -1 : Int32(index * 11 % 23)
            batch.documentStart[index] = index % 13 < 4 ? 0 : 4
        }
        let settings = StepSettings(loops: 3, objective: .expectedLoss(beta: 0.1), microBatch: 1)
        var metrics = StepMetrics(loops: 3)
        step.computeGradients(batch, settings, metrics: &metrics)
        let all = 0..<model.layout.count
        let (x, gradient) = (model.parameters.values(all), model.gradients.values(all))
        Self.expectDerivative("parameters", at: x, gradient: gradient, tolerance: 1e-2, step: 2e-4) { x in
            model.parameters.base.update(from: x, count: x.count)
            model.parametersChanged()
            step.computeGradients(batch, settings, metrics: &metrics)
            return metrics.objective
        }
    }

    /// The loss of a document does not depend on other documents in its row.
    @Test func packingMasksNeighbours() throws {
        let harness = try TrainingHarness("train_a_mha_seed1")
        func losses(neighbour: Int32) -> [[Float]] {
            let worker = LoopGradients(
                harness.model, shape: MicroBatchShape(rows: 1, length: 12), loops: 4, activations: .f32)
            var batch = TrainingBatch(rows: 1, length: 12)
            for index in 0..<12 {
                batch.tokens[index] = index < 5 ? neighbour : Int32(index * 3)
                batch.targets[index] = index < 5 ? -1 : Int32(index * 5)
                batch.documentStart[index] = index < 5 ? 0 : 5
            }
            var metrics = StepMetrics(loops: 4)
            worker.accumulate(batch, first: 0, targetCount: 7, objective: .meanOfLoops, metrics: &metrics)
            return (0..<4).map { worker.crossEntropy(loop: $0) }
        }
        #expect(losses(neighbour: 1) == losses(neighbour: 99))
        #expect(losses(neighbour: 1)[0].count == 7)
    }
}
