/// Turns one row of logits into a token, on the host.
///
/// It needs only the logits and the kernels, so a device without sampling code of its own can use it too.
struct LogitReader: Sendable {
    let kernels: Kernels

    /// Reads one row of logits.
    ///
    /// - Parameters:
    ///   - logits: the row. It is averaged in place if the readout asks for it.
    ///   - readout: the order.
    ///   - scratch: memory for a copy of the row.
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

    /// Chooses a token from a copy of the logits, because mask, bias and penalties change them.
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

    /// Replaces logits by their average over all loops so far, weighted by exit probability. Returns the new sum.
    ///
    /// Loops that have not run are counted with the logits of the current loop. After the last loop, the result is the
    /// reference implementation's weighted exit.
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
