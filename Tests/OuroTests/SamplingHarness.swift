import Foundation

@testable import Ouro

extension Sampler {
    /// Chooses one token with memory of its own. Changes `logits`.
    func choose(
        _ logits: UnsafeMutableBufferPointer<Float>, position: Int, pending: [Int] = [],
        kernels: Kernels = .available[0], pool: WorkerPool? = nil
    ) -> Int {
        adjust(logits, pending: pending)
        return selection(logits.count, kernels, pool).choose(from: logits, parameters, position: position)
    }

    /// The probabilities from which the token is drawn. Changes `logits`.
    func probabilities(
        _ logits: UnsafeMutableBufferPointer<Float>, kernels: Kernels = .available[0], pool: WorkerPool? = nil
    ) -> [Float] {
        adjust(logits, pending: [])
        return selection(logits.count, kernels, pool).probabilities(logits, parameters)
    }

    private func selection(_ count: Int, _ kernels: Kernels, _ pool: WorkerPool?) -> TokenSelection {
        let memory = SamplingMemory(threads: pool?.threadCount ?? 1, vocabularySize: count)
        return TokenSelection(kernels: kernels, memory: memory, thread: 0, pool: pool)
    }
}

/// Rows of logits of many kinds.
enum LogitRows {
    /// The kinds of rows. Every kind is made for every size.
    enum Kind: CaseIterable {
        /// A normal distribution, with a few large logits.
        case peaked
        /// A narrow normal distribution.
        case flat
        /// Few different values, so that most tokens tie.
        case ties
        /// One value.
        case equal
        /// Many minus infinities, as a mask leaves them.
        case masked
        /// Values of bf16.
        case rounded
        /// Values that come closer and closer to the largest one.
        case accumulating
        /// Infinities and NaN among the others.
        case special
        /// Minus infinity only.
        case forbidden
    }

    static func make(_ kind: Kind, count: Int, _ random: inout SeededRandom) -> [Float] {
        var logits: [Float] = []
        for index in 0..<count { logits.append(logit(kind, index: index, count: count, &random)) }
        return logits
    }

    private static func logit(_ kind: Kind, index: Int, count: Int, _ random: inout SeededRandom) -> Float {
        switch kind {
        case .peaked:
            let isLarge = random.int(0...count / 4 + 1) == 0
            return 3 * normal(&random) + (isLarge ? 9 : 0)
        case .flat: return 0.01 * normal(&random)
        case .ties: return Float(random.int(-2...2))
        case .equal: return -1.5
        case .masked: return random.int(0...3) == 0 ? 4 * normal(&random) : -Float.infinity
        case .rounded: return Float(bitPattern: (3 * normal(&random)).bitPattern & 0xFFFF_0000)
        case .accumulating: return 5 - Float(sign: .plus, exponent: -random.int(0...120), significand: 1)
        case .special:
            switch random.int(0...15) {
            case 0: return Float.nan
            case 1: return index % 3 == 0 ? Float.infinity : -Float.infinity
            default: return 3 * normal(&random)
            }
        case .forbidden: return -Float.infinity
        }
    }

    private static func normal(_ random: inout SeededRandom) -> Float {
        let size: Double = Double.random(in: 1e-300..<1, using: &random)
        let angle: Double = Double.random(in: 0..<1, using: &random)
        let radius: Double = (-2 * log(size)).squareRoot()
        return Float(radius * cos(2 * Double.pi * angle))
    }
}
