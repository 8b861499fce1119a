import Foundation
import Testing

@testable import Ouro

/// The fast sampler chooses the same tokens as the plain one that sorts everything.
@Suite struct SamplingEquivalenceTests {
    private static let pools: [WorkerPool?] = [nil, WorkerPool(threadCount: 2), WorkerPool(threadCount: 3)]

    private static let temperatures: [Float] = [0, 0.01, 0.3, 0.7, 1, 1, 1.5, 5, 100]
    private static let shares: [Float] = [1, 1, 0, 0.1, 0.5, 0.9, 0.95, 0.999, Float(1).nextDown]
    private static let fractions: [Float] = [0, 0, 0, 0.01, 0.2, 1]

    private static func parameters(_ random: inout SeededRandom, count: Int) -> SamplingParameters {
        func pick<Value>(_ values: [Value]) -> Value { values[random.int(0...values.count - 1)] }
        var parameters = SamplingParameters()
        parameters.temperature = pick(temperatures)
        parameters.topK = pick([0, 0, 1, 2, 5, 50, count - 1, count, count + 1])
        parameters.topP = pick(shares)
        parameters.minP = pick(fractions)
        parameters.seed = random.next()
        if random.int(0...2) == 0 {
            parameters.repetitionPenalty = pick([Float(1), 1.3, 0.7])
            parameters.presencePenalty = pick([Float(0), 0.5, -1])
            parameters.frequencyPenalty = pick([Float(0), 0.25, -0.5])
            for _ in 0..<random.int(0...3) {
                parameters.logitBias[random.int(0...count - 1)] = pick([Float(-100), -1, 2, 5])
            }
        }
        return parameters
    }

    /// Compares both samplers on one row.
    private static func compare(
        _ logits: [Float], _ parameters: SamplingParameters, _ random: inout SeededRandom, kernels: Kernels,
        pool: WorkerPool?, note: String
    ) {
        func tokens(_ most: Int, _ random: inout SeededRandom) -> [Int] {
            (0..<random.int(0...most)).map { _ in random.int(0...logits.count - 1) }
        }
        let prompt = tokens(20, &random)
        let (output, pending) = (tokens(20, &random), tokens(4, &random))
        var reference = ReferenceSampler(parameters, prompt: prompt)
        var sampler = Sampler(parameters, prompt: prompt)
        for token in output {
            reference.append(token)
            sampler.append(token)
        }
        let position = random.int(0...1 << 40)
        var copy = logits
        let expected = copy.withUnsafeMutableBufferPointer {
            reference.choose($0, position: position, pending: pending)
        }
        let adjusted = copy
        copy = logits
        let found = copy.withUnsafeMutableBufferPointer {
            sampler.choose($0, position: position, pending: pending, kernels: kernels, pool: pool)
        }
        let what = "\(note), \(logits.count) tokens, \(kernels.name), \(pool?.threadCount ?? 0) threads, \(parameters)"
        #expect(copy.map(\.bitPattern) == adjusted.map(\.bitPattern), "adjusted logits, \(what)")
        #expect(found == expected, "\(what)")
        // The candidates must agree, too. Infinite logits have no probabilities.
        guard adjusted.allSatisfy({ $0 < .infinity }), adjusted.contains(where: { $0 > -.infinity }) else { return }
        copy = logits
        let probabilities = copy.withUnsafeMutableBufferPointer { reference.probabilities($0) }
        copy = logits
        let same = copy.withUnsafeMutableBufferPointer { sampler.probabilities($0, kernels: kernels, pool: pool) }
        let wrong = probabilities.indices.first { abs(probabilities[$0] - same[$0]) > 1e-6 * probabilities[$0] }
        #expect(wrong == nil, "probability of token \(wrong ?? -1), \(what)")
    }

    @Test(arguments: LogitRows.Kind.allCases)
    func choosesAsThePlainSamplerDoes(kind: LogitRows.Kind) {
        var random = SeededRandom(seed: UInt64(LogitRows.Kind.allCases.firstIndex(of: kind) ?? 0))
        let sizes = [1, 2, 3, 15, 16, 17, 31, 33, 60, 100, 257, 600]
        for round in 0..<400 {
            let count = sizes[random.int(0...sizes.count - 1)]
            let logits = LogitRows.make(kind, count: count, &random)
            let kernels = Kernels.available[round % Kernels.available.count]
            Self.compare(
                logits, Self.parameters(&random, count: count), &random, kernels: kernels, pool: nil, note: "\(kind)")
        }
    }

    /// Rows that threads share.
    @Test(arguments: LogitRows.Kind.allCases)
    func choosesAsThePlainSamplerDoesFromAWholeVocabulary(kind: LogitRows.Kind) {
        var random = SeededRandom(seed: 100 + UInt64(LogitRows.Kind.allCases.firstIndex(of: kind) ?? 0))
        for (index, count) in [49_152, 4096, 8193, 12_289].enumerated() {
            let logits = LogitRows.make(kind, count: count, &random)
            let kernels = Kernels.available[index % Kernels.available.count]
            for pool in Self.pools {
                Self.compare(
                    logits, Self.parameters(&random, count: count), &random, kernels: kernels, pool: pool,
                    note: "\(kind)")
            }
        }
    }

    @Test(arguments: [Float(1e-45), 1e-38, 1e-30, 1e-10, 5e-7])
    func tinyTemperaturesTakeTheLargestLogit(temperature: Float) {
        var random = SeededRandom(seed: 7)
        for kind in LogitRows.Kind.allCases {
            for topP in [Float(1), 0.5] {
                var logits = LogitRows.make(kind, count: 500, &random).map { $0 - 20 }
                let sampler = Sampler(SamplingParameters(temperature: temperature, topP: topP, seed: 3), prompt: [])
                #expect(sampler.takesLargestLogit)
                let greedy = ReferenceSampler(SamplingParameters())
                let expected = logits.withUnsafeMutableBufferPointer { greedy.choose($0, position: 1) }
                let found = logits.withUnsafeMutableBufferPointer { sampler.choose($0, position: 1) }
                #expect(found == expected, "\(kind), temperature \(temperature)")
            }
        }
    }

    /// A quotient that is infinite although temperature and logit are not.
    @Test func quotientsOutOfRangeTakeTheLargestLogit() {
        let sampler = Sampler(SamplingParameters(temperature: 0.001, seed: 5), prompt: [])
        var large: [Float] = [1e37, 3e38, 2e38], negative: [Float] = [-3e38, -2e38, -1e38]
        #expect(large.withUnsafeMutableBufferPointer { sampler.choose($0, position: 0) } == 1)
        #expect(negative.withUnsafeMutableBufferPointer { sampler.choose($0, position: 0) } == 2)
    }

    /// 1e-5 is not so small: neighbouring logits keep their probabilities.
    @Test func smallTemperaturesStillDraw() {
        var counts = [0, 0]
        let sampler = Sampler(SamplingParameters(temperature: 1e-5, seed: 5), prompt: [])
        for position in 0..<200 {
            var logits: [Float] = [1, 1.00001]
            counts[logits.withUnsafeMutableBufferPointer { sampler.choose($0, position: position) }] += 1
        }
        #expect(counts[0] > 20 && counts[1] > counts[0], "\(counts)")
    }
}
