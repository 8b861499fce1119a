/// Turns one row of logits into a token, on the host.
///
/// A device without sampling code of its own can use it too: it needs nothing but the logits and the portable kernels.
struct LogitReader: Sendable {
    let kernels: Kernels

    /// - Parameters:
    ///   - logits: the row; averaged in place if the readout asks for it.
    ///   - scratch: room for a copy of the row.
    func read(
        _ logits: UnsafeMutableBufferPointer<Float>, _ readout: Readout, scratch: UnsafeMutablePointer<Float>
    ) -> ReadoutResult {
        var result = ReadoutResult()
        guard let base = logits.baseAddress else { return result }
        var largest = Int(kernels.table.argmax(base, logits.count))
        guard largest >= 0 else { return result }
        var normaliser = kernels.table.log_sum_exp(base, logits.count)
        if readout.reportsAllTokens { result.logProbabilities = logits.map { $0 - normaliser } }
        if let average = readout.average {
            result.averageSum = Self.apply(average, to: logits)
            largest = Int(kernels.table.argmax(base, logits.count))
            guard largest >= 0 else { return result }
            normaliser = kernels.table.log_sum_exp(base, logits.count)
        }
        result.alternatives = TokenAlternative.best(readout.alternatives, of: logits, normaliser: normaliser)
        if let target = readout.target { result.targetLogProbability = logits[target] - normaliser }
        let token =
            if case .largest = readout.choice, readout.allowed == nil {
                largest
            } else {
                Self.choose(readout, from: logits, scratch: scratch)
            }
        result.token = token
        result.logProbability = logits[token] - normaliser
        return result
    }

    /// Samples from a copy of the logits: mask, bias and penalties change it.
    private static func choose(
        _ readout: Readout, from logits: UnsafeMutableBufferPointer<Float>, scratch: UnsafeMutablePointer<Float>
    ) -> Int {
        let copy = UnsafeMutableBufferPointer(start: scratch, count: logits.count)
        _ = copy.update(fromContentsOf: logits)
        readout.allowed?.forEachForbidden { copy[$0] = -.infinity }
        switch readout.choice {
        case .largest: return Sampler.largest(copy)
        case .sampled(let sampler, let position, let pending):
            return sampler.choose(copy, position: position, pending: pending)
        }
    }

    /// Replaces logits by the average of all loops so far, weighted by their exit probabilities. Loops that have not run
    /// count as the loop at hand, so after the last loop this is the reference's weighted exit. Returns the new sum.
    private static func apply(_ average: Readout.Average, to logits: UnsafeMutableBufferPointer<Float>) -> [Float] {
        var sum = average.sum.isEmpty ? Array(repeating: 0, count: logits.count) : average.sum
        for index in sum.indices { sum[index] += average.probability * logits[index] }
        if average.rest > 0 {
            for index in sum.indices { logits[index] = sum[index] + average.rest * logits[index] }
        } else {
            _ = logits.update(fromContentsOf: sum)
        }
        return sum
    }
}
