import Foundation
import OuroData
import Testing

@testable import Ouro
@testable import OuroTraining

/// Tests that the forward computation of training gives the distributions of inference, after every loop and for every
/// token.
@Suite struct ForwardParityTests {
    private static let tolerance = 1e-5
    private static let length = 24
    private static let rows = 2

    /// A random shape that depends on the seed.
    private static func configuration(_ seed: UInt64) -> ModelConfiguration {
        var random = SplitMix64(state: seed)
        func pick<Value>(_ values: [Value]) -> Value { values[Int(random.next() >> 33) % values.count] }
        let heads = pick([2, 4, 6])
        let layers = pick([1, 2, 3])
        let window = pick([nil, 1, 5, 11])
        // Layers from this one on have the window.
        let first = pick(Array(0..<layers))
        return ModelConfiguration(
            vocabularySize: pick([31, 61]), hiddenSize: pick([24, 40, 52]), intermediateSize: pick([30, 64, 77]),
            layerCount: layers, headCount: heads, keyValueHeadCount: heads / pick([1, 2]),
            headDimension: pick([6, 8, 24]), contextLength: 64, loops: pick([1, 2, 3, 5]),
            tiesWordEmbeddings: pick([false, true]), rope: RopeConfiguration(theta: pick([10_000, 1_000_000])),
            slidingWindows: (0..<layers).map { $0 >= first ? window : nil })
    }

    private static let seeds = Array(UInt64(1)...16)

    /// A model whose norms and gate are random too, so that the test notices if one of them is left out.
    private static func model(_ configuration: ModelConfiguration, seed: UInt64) throws -> TrainableModel {
        let model = TrainableModel(configuration, compute: try Compute(threads: 2))
        model.initialise(seed: seed)
        var noise = NormalNoise(seed: seed, stream: 1000)
        for tensor in model.layout.tensors where !tensor.isMatrix || tensor.range.lowerBound == model.layout.gate {
            for index in tensor.range { model.parameters.base[index] += 0.2 * noise.next() }
        }
        model.parametersChanged()
        return model
    }

    @Test func theShapesHaveWhatModelsHave() {
        let shapes = Self.seeds.map(Self.configuration)
        #expect(
            shapes.contains { $0.keyValueHeadCount < $0.headCount }
                && shapes.contains { $0.keyValueHeadCount == $0.headCount })
        #expect(shapes.contains(where: \.tiesWordEmbeddings) && shapes.contains { !$0.tiesWordEmbeddings })
        #expect(shapes.contains { $0.slidingWindows.contains { $0 != nil } })
        #expect(shapes.contains { Set($0.slidingWindows).count > 1 }, "windows in some layers only")
        #expect(shapes.contains { $0.hiddenSize != $0.headCount * $0.headDimension })
        #expect(Set(shapes.map(\.loops)).count > 2)
    }

    @Test(arguments: seeds)
    func trainingAndInferenceAgree(seed: UInt64) async throws {
        let configuration = Self.configuration(seed)
        let (loops, vocabulary) = (configuration.loops, configuration.vocabularySize)
        let model = try Self.model(configuration, seed: seed)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        try ModelExport(model: model, elementType: .f32, tokenizer: nil).write(to: folder, configuration: configuration)
        let engine = try Engine(
            modelAt: folder, options: EngineOptions(threads: 2, prefillChunk: 7, kvType: .f32))

        var random = SplitMix64(state: seed &+ 1000)
        var batch = TrainingBatch(rows: Self.rows, length: Self.length)
        for index in batch.tokens.indices { batch.tokens[index] = Int32(random.next() >> 33) % Int32(vocabulary) }
        let found = Self.logProbabilities(model, &batch)

        for row in 0..<Self.rows {
            let tokens = batch.tokens[row * Self.length..<(row + 1) * Self.length].map { Int($0) }
            for loop in 1...loops {
                let scored = try await engine.score(
                    ScoringRequest(.tokens(tokens), exit: .fixed(loop: loop), alternatives: vocabulary))
                var worst = (error: 0.0, place: "")
                for (position, score) in scored.enumerated() {
                    try #require(score.exitLoop == loop && score.alternatives.count == vocabulary)
                    for alternative in score.alternatives {
                        let other = found.values[loop - 1][alternative.id][row * Self.length + position]
                        let error = Self.error(other, alternative.logProbability)
                        guard !(error <= worst.error) else { continue }
                        worst = (
                            error,
                            "position \(position), token \(alternative.id): \(other), \(alternative.logProbability)"
                        )
                    }
                }
                #expect(worst.error <= Self.tolerance, "row \(row), loop \(loop), \(worst.place)")
            }
        }
        var exits = Array(repeating: Float(0), count: loops)
        for row in 0..<Self.rows {
            let tokens = batch.tokens[row * Self.length..<(row + 1) * Self.length].map { Int($0) }
            for score in try await engine.score(.tokens(tokens)) {
                for loop in 0..<loops {
                    exits[loop] += score.exitDistribution[loop] / Float(Self.rows * Self.length)
                }
            }
        }
        for loop in 0..<loops {
            #expect(Self.error(Float(found.exits[loop]), exits[loop]) <= Self.tolerance, "exits at loop \(loop + 1)")
        }
    }

    /// Training computes the cross-entropy of one target per position, so every token is the target once.
    ///
    /// Indices: loop, token, position.
    private static func logProbabilities(
        _ model: TrainableModel, _ batch: inout TrainingBatch
    ) -> (values: [[[Float]]], exits: [Double]) {
        let (loops, vocabulary) = (model.configuration.loops, model.configuration.vocabularySize)
        let gradients = LoopGradients(
            model, shape: MicroBatchShape(rows: rows, length: length), loops: loops, activations: .f32)
        var values = Array(repeating: [[Float]](), count: loops)
        var metrics = StepMetrics(loops: loops)
        for token in 0..<vocabulary {
            for index in batch.targets.indices { batch.targets[index] = Int32(token) }
            metrics.reset(loops: loops)
            gradients.accumulate(
                batch, first: 0, targetCount: rows * length, objective: .gate(.toCome), metrics: &metrics)
            for loop in 0..<loops { values[loop].append(gradients.crossEntropy(loop: loop).map { -$0 }) }
        }
        return (values, metrics.exitDistribution)
    }

    /// The error relative to the expected value, or the absolute error if that value is smaller than 1.
    private static func error(_ found: Float, _ expected: Float) -> Double {
        abs(Double(found) - Double(expected)) / max(1, abs(Double(expected)))
    }
}
