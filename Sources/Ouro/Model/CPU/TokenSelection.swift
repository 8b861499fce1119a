import Foundation
import OuroKernels

/// Chooses tokens from rows of logits on the CPU. Nothing is sorted but a few candidates at the edge of a filter.
///
/// A token is drawn in three steps:
///
/// 1. `scaled = logit / temperature` in f32. Tokens more than ``reach`` below the largest one are no candidates.
/// 2. Top-k, top-p and min-p raise the least scaled logit of a candidate. Top-k and top-p find it by sums over bins: the
///    bin in which the sum reaches the target, then the place within this bin.
/// 3. The candidate with the largest sum of scaled logit and Gumbel noise wins.
///
/// Top-p counts weights `exp(scaled - largest)` in units of 2^-52, as integers. So all sums are exact, whatever their
/// order. The target is `topP` times the sum of all weights, also exact, rounded up. The candidates are the tokens,
/// largest scaled logit first and then lowest ID first, up to the one whose sum reaches the target.
///
/// What must stay true: the choice is a function of logits, parameters, seed and position alone. It does not depend on
/// the instruction set or on how the row is divided between threads.
struct TokenSelection {
    private let kernels: ouro_sampling_kernels
    private let memory: SamplingMemory
    /// The thread whose memory is used. If a row is divided, its parts use the memory of all threads.
    private let thread: Int
    /// The threads that share a row; nil if the calling thread works alone.
    private let pool: WorkerPool?

    /// The noise is between -3.7 and 37, because its input has 53 bits. A token this far below the largest scaled logit
    /// is never drawn.
    private static let reach: Float = 41
    /// The fewest tokens of a part of a divided row.
    private static let leastPart = 1 << 12

    init(kernels: Kernels, memory: SamplingMemory, thread: Int, pool: WorkerPool?) {
        self.kernels = kernels.sampling
        self.memory = memory
        self.thread = thread
        self.pool = pool
    }

    /// The tokens that can be drawn from a row.
    enum Candidates {
        /// Only this one.
        case single(Int)
        /// Those that the kernels describe. Of equal scores, the larger scaled logit wins if `ranked` is true, otherwise
        /// the lower token.
        case several(ouro_candidates, ranked: Bool)
    }

    /// The token with the largest logit; of equal ones, the lowest ID. 0 if the first logit is NaN.
    func largest(_ logits: UnsafeMutableBufferPointer<Float>) -> Int {
        guard let base = logits.baseAddress, !base[0].isNaN else { return 0 }
        var least: Float = 0
        return kernels.largest(base, logits.count, &least)
    }

    /// Chooses the token at `position`.
    func choose(
        from logits: UnsafeMutableBufferPointer<Float>, _ parameters: SamplingParameters, position: Int
    ) -> Int {
        switch candidates(logits, parameters) {
        case .single(let token): token
        case .several(let candidates, let ranked):
            draw(candidates, count: logits.count, seed: parameters.seed, position: position, ranked: ranked)
        }
    }

    // MARK: candidates

    /// Finds the tokens that can be drawn.
    func candidates(_ logits: UnsafeMutableBufferPointer<Float>, _ parameters: SamplingParameters) -> Candidates {
        guard let base = logits.baseAddress, !base[0].isNaN else { return .single(0) }
        let count = logits.count
        var least: Float = 0
        let token = kernels.largest(base, count, &least)
        let largest = base[token] / parameters.temperature
        // An infinite logit wins. A finite logit with an infinite quotient wins too: it is the largest.
        guard !parameters.takesLargest, largest.isFinite else { return .single(token) }
        least /= parameters.temperature
        var candidates = ouro_candidates(
            logits: base, temperature: parameters.temperature, largest: largest, lowest: largest - Self.reach,
            last_tie: .max)
        var ranked = parameters.topP < 1
        if parameters.topK > 0, parameters.topK < count {
            let edge = edge(candidates, OURO_COUNT, count: count, least: least) { total in
                total > parameters.topK ? UInt128(parameters.topK) : nil
            }
            if let edge {
                // Tokens with the same logit as the last one are kept too, as in the reference implementation.
                candidates.lowest = edge.scaled
                ranked = true
            }
        }
        if parameters.topP < 1 {
            let edge = edge(candidates, OURO_WEIGHT, count: count, least: least) { total in
                Self.share(parameters.topP, of: total)
            }
            if let edge { (candidates.lowest, candidates.last_tie) = (edge.scaled, edge.token) }
        }
        if parameters.minP > 0 {
            let lowest = largest + logf(parameters.minP)
            if lowest > candidates.lowest { (candidates.lowest, candidates.last_tie) = (lowest, .max) }
        }
        return .several(candidates, ranked: ranked)
    }

    /// A share of a sum, rounded up, and at least 1.
    private static func share(_ share: Float, of total: UInt128) -> UInt128 {
        guard share > 0x1p-64 else { return 1 }
        // The share is an integer of 24 bits, divided by a power of 2.
        let shift = 23 - Int(share.exponent)
        return max(1, (UInt128(share.significand * 0x1p23) * total + (1 << shift) - 1) >> shift)
    }

    /// The candidate at which a sum of amounts reaches its target, largest scaled logit first.
    ///
    /// - Parameters:
    ///   - least: the least scaled logit of the row.
    ///   - target: receives the sum over all candidates. Nil if there is nothing to find.
    private func edge(
        _ candidates: ouro_candidates, _ amount: ouro_amount, count: Int, least: Float,
        target: (UInt128) -> UInt128?
    ) -> (scaled: Float, token: Int64)? {
        // The bins divide the range of the candidates. The scale stays finite even if the range is empty.
        let range = max(candidates.largest - max(candidates.lowest, least), 1e-30)
        let scale = Float(OURO_BINS - 1) / range
        let parts = parts(of: count)
        forEachPart(parts) { [kernels, memory, thread] part in
            let sums = memory.sums(thread + part)
            sums.update(repeating: ouro_sum())
            withUnsafePointer(to: candidates) {
                kernels.tally(
                    $0, amount, scale, parts.range(part).lowerBound, parts.range(part).upperBound, sums.baseAddress)
            }
        }
        let sums = memory.sums(thread)
        for part in 1..<max(1, parts.count) {
            let others = memory.sums(thread + part)
            for bin in sums.indices {
                sums[bin].low += others[bin].low
                sums[bin].high += others[bin].high
            }
        }
        guard var left = target(sums.reduce(0) { $0 + $1.value }) else { return nil }
        var bin = 0
        while bin + 1 < sums.count, sums[bin].value < left {
            left -= sums[bin].value
            bin += 1
        }
        let found = collect(candidates, scale: scale, bin: UInt32(bin), parts)
        var token: Int64 = 0
        let scaled = kernels.reach(
            memory.scaled(thread), memory.tokens(thread), found, candidates.largest, amount,
            ouro_sum(low: UInt64(left & 0xFFFF_FFFF), high: UInt64(left >> 32)), sums.baseAddress, &token)
        return (scaled, token)
    }

    /// Collects the candidates of a bin in the order of tokens. Returns their number.
    private func collect(_ candidates: ouro_candidates, scale: Float, bin: UInt32, _ parts: Parts) -> Int {
        let (scaled, tokens) = (memory.scaled(thread), memory.tokens(thread))
        forEachPart(parts) { [kernels, memory, thread] part in
            let range = parts.range(part)
            let found = withUnsafePointer(to: candidates) {
                kernels.collect(
                    $0, scale, bin, range.lowerBound, range.upperBound, memory.scaled(thread) + range.lowerBound,
                    memory.tokens(thread) + range.lowerBound)
            }
            memory.drawn(thread + part).pointee.token = Int64(found)
        }
        var count = Int(memory.drawn(thread).pointee.token)
        for part in 1..<max(1, parts.count) {
            let found = Int(memory.drawn(thread + part).pointee.token)
            let first = parts.range(part).lowerBound
            (scaled + count).update(from: scaled + first, count: found)
            (tokens + count).update(from: tokens + first, count: found)
            count += found
        }
        return count
    }

    // MARK: drawing

    private func draw(
        _ candidates: ouro_candidates, count: Int, seed: UInt64, position: Int, ranked: Bool
    ) -> Int {
        let parts = parts(of: count)
        forEachPart(parts) { [kernels, memory, thread] part in
            let best = memory.drawn(thread + part)
            best.initialize(to: ouro_drawn(score: -.infinity, scaled: -.infinity, token: 0))
            let range = parts.range(part)
            withUnsafePointer(to: candidates) {
                kernels.draw(
                    $0, seed, UInt64(bitPattern: Int64(position)), ranked ? 1 : 0, range.lowerBound, range.upperBound,
                    best)
            }
        }
        var best = memory.drawn(thread).pointee
        for part in 1..<max(1, parts.count) {
            let other = memory.drawn(thread + part).pointee
            let isBetter =
                other.score > best.score || (ranked && other.score == best.score && other.scaled > best.scaled)
            if isBetter { best = other }
        }
        return Int(best.token)
    }

    // MARK: parts of a row

    /// A row divided into parts of whole vectors.
    private struct Parts {
        let tokens: Int
        let count: Int

        func range(_ part: Int) -> Range<Int> {
            let vectors = (tokens + 15) / 16
            return min(tokens, vectors * part / count * 16)..<min(tokens, vectors * (part + 1) / count * 16)
        }
    }

    private func parts(of tokens: Int) -> Parts {
        Parts(tokens: tokens, count: min(pool?.threadCount ?? 1, max(1, tokens / Self.leastPart)))
    }

    private func forEachPart(_ parts: Parts, _ body: (Int) -> Void) {
        guard let pool, parts.count > 1 else {
            for part in 0..<parts.count { body(part) }
            return
        }
        pool.forEach(parts.count) { part, _ in body(part) }
    }
}

extension ouro_sum {
    fileprivate var value: UInt128 { UInt128(high) << 32 + UInt128(low) }
}

// MARK: for tests

extension TokenSelection {
    /// The probabilities from which a token is drawn.
    func probabilities(_ logits: UnsafeMutableBufferPointer<Float>, _ parameters: SamplingParameters) -> [Float] {
        var result = [Float](repeating: 0, count: logits.count)
        switch candidates(logits, parameters) {
        case .single(let token): result[token] = 1
        case .several(let candidates, _):
            let weights = logits.indices.map { token -> Double in
                let scaled = logits[token] / candidates.temperature
                let isKept =
                    scaled > candidates.lowest || (scaled == candidates.lowest && token <= candidates.last_tie)
                return isKept ? exp(Double(scaled - candidates.largest)) : 0
            }
            let total = weights.reduce(0, +)
            for token in weights.indices { result[token] = Float(weights[token] / total) }
        }
        return result
    }
}
