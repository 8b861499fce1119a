import Foundation
import OuroKernels
import Testing

@testable import Ouro

/// The kernels that choose tokens, against plain loops in double precision, for every instruction set of this machine.
@Suite struct SamplingKernelTests {
    private static let sizes = [1, 2, 15, 16, 17, 100, 257, 1000]

    private static func candidates(_ logits: UnsafeBufferPointer<Float>, temperature: Float) -> ouro_candidates {
        let largest = (logits.max() ?? 0) / temperature
        return ouro_candidates(
            logits: logits.baseAddress, temperature: temperature, largest: largest, lowest: largest - 41,
            last_tie: .max)
    }

    @Test(arguments: Kernels.available.map(\.name))
    func theLargestAndTheLeastAreFound(variant: String) throws {
        let kernels = try Kernels.select(variant).sampling
        var random = SeededRandom(seed: 11)
        for kind in LogitRows.Kind.allCases {
            for count in Self.sizes {
                let logits = LogitRows.make(kind, count: count, &random)
                var least: Float = 0
                let found = kernels.largest(logits, count, &least)
                let numbers = logits.filter { !$0.isNaN }
                #expect(found == numbers.max().flatMap { logits.firstIndex(of: $0) } ?? 0, "\(kind), \(count)")
                #expect(least == numbers.min() ?? .infinity, "\(kind), \(count)")
            }
        }
    }

    @Test(arguments: Kernels.available.map(\.name))
    func theDrawIsTheLargestScore(variant: String) throws {
        let kernels = try Kernels.select(variant).sampling
        var random = SeededRandom(seed: 12)
        for kind in [LogitRows.Kind.peaked, .flat, .equal, .masked] {
            for count in Self.sizes {
                let logits = LogitRows.make(kind, count: count, &random) + [0]
                let noise = CounterNoise(seed: random.next())
                let position = random.int(0...1 << 50)
                try logits.withUnsafeBufferPointer { logits in
                    var candidates = Self.candidates(logits, temperature: 0.8)
                    var found = ouro_drawn(score: -.infinity, scaled: -.infinity, token: -1)
                    kernels.draw(&candidates, noise.seed, UInt64(position), 0, 0, logits.count, &found)
                    let scores = logits.indices.map { token -> Double in
                        let scaled = logits[token] / 0.8
                        let uniform = noise.uniform(position: position, token: token)
                        return scaled >= candidates.lowest ? Double(scaled) - log(-log(uniform)) : -.infinity
                    }
                    let best = try #require(scores.max())
                    #expect(found.score == best, "\(kind), \(count)")
                    #expect(scores.firstIndex(of: best) == Int(found.token), "\(kind), \(count)")
                }
            }
        }
    }

    @Test(arguments: Kernels.available.map(\.name))
    func weightsAreExponentials(variant: String) throws {
        let kernels = try Kernels.select(variant).sampling
        var random = SeededRandom(seed: 13)
        var sums = [ouro_sum](repeating: ouro_sum(), count: Int(OURO_BINS))
        for _ in 0..<500 {
            let difference = -Float.random(in: 0...41, using: &random)
            let logits: [Float] = [0, difference]
            logits.withUnsafeBufferPointer { logits in
                var candidates = Self.candidates(logits, temperature: 1)
                sums = sums.map { _ in ouro_sum() }
                kernels.tally(&candidates, OURO_WEIGHT, 1, 0, 2, &sums)
            }
            let found = sums.reduce(0.0) { $0 + Double($1.high) * 0x1p-20 + Double($1.low) * 0x1p-52 }
            let expected = 1 + exp(Double(difference))
            #expect(abs(found - expected) <= 1e-14 * (expected - 1) + 0x1p-52, "exp(\(difference))")
        }
    }

    /// Sums and places are the same bits for every instruction set, however the row is divided.
    @Test func allInstructionSetsGiveTheSameSums() {
        var random = SeededRandom(seed: 14)
        for kind in [LogitRows.Kind.peaked, .flat, .ties, .masked, .accumulating] {
            for count in Self.sizes {
                let logits = LogitRows.make(kind, count: count, &random) + [1]
                var all: [[UInt64]] = []
                for kernels in Kernels.available.map(\.sampling) {
                    for cut in [0, logits.count / 32 * 16] {
                        var sums = [ouro_sum](repeating: ouro_sum(), count: Int(OURO_BINS))
                        logits.withUnsafeBufferPointer { logits in
                            var candidates = Self.candidates(logits, temperature: 1.3)
                            kernels.tally(&candidates, OURO_WEIGHT, 20, cut, logits.count, &sums)
                            kernels.tally(&candidates, OURO_WEIGHT, 20, 0, cut, &sums)
                        }
                        all.append(sums.flatMap { [$0.low, $0.high] })
                    }
                }
                #expect(all.allSatisfy { $0 == all[0] }, "\(kind), \(count)")
                #expect(all[0].contains { $0 > 0 })
            }
        }
    }
}
