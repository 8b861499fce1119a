/// Turns rows of logits into tokens, on the host.
///
/// It needs only the logits and the kernels, so a device without sampling code of its own can use it too.
package struct LogitReader: Sendable {
    private let kernels: Kernels
    private let memory: SamplingMemory

    /// Makes a reader with scratch memory for `threads` threads.
    package init(kernels: Kernels, threads: Int, vocabularySize: Int) {
        self.kernels = kernels
        memory = SamplingMemory(threads: threads, vocabularySize: vocabularySize)
    }

    /// The number of logits below which the calling thread reads all rows alone. Waking other threads would take longer.
    private static let worthSharing = 1 << 13
    /// The number of logits from which threads share a row, if there are fewer rows than threads.
    private static let worthDividing = 1 << 14

    /// Reads rows of logits, one for each readout, and appends the results.
    ///
    /// - Parameters:
    ///   - logits: the rows. They are averaged in place if the readouts ask for it.
    ///   - readouts: the orders.
    ///   - pool: the threads to use, at most as many as the reader has memory for.
    ///   - results: receives the results in the order of the readouts.
    package func read(
        _ logits: FloatRows, _ readouts: ArraySlice<Readout>, pool: WorkerPool, results: inout [ReadoutResult]
    ) {
        func read(_ index: Int, thread: Int, pool: WorkerPool?) -> ReadoutResult {
            self.read(
                UnsafeMutableBufferPointer(start: logits.row(index), count: logits.columns),
                readouts[readouts.startIndex + index], thread: thread, pool: pool)
        }
        guard readouts.count >= pool.threadCount || logits.columns < Self.worthDividing else {
            for index in 0..<readouts.count { results.append(read(index, thread: 0, pool: pool)) }
            return
        }
        let first = results.count
        results.append(contentsOf: repeatElement(ReadoutResult(), count: readouts.count))
        results.withUnsafeMutableBufferPointer { results in
            nonisolated(unsafe) let results = results
            pool.forEach(readouts.count, alone: readouts.count * logits.columns < Self.worthSharing) { index, thread in
                results[first + index] = read(index, thread: thread, pool: nil)
            }
        }
    }

    /// Reads one row of logits.
    ///
    /// - Parameters:
    ///   - logits: the row. It is averaged in place if the readout asks for it.
    ///   - readout: the order.
    ///   - thread: the number of the calling thread, for scratch memory.
    ///   - pool: if not nil, its threads share the row. No other row is read then.
    package func read(
        _ logits: UnsafeMutableBufferPointer<Float>, _ readout: Readout, thread: Int = 0, pool: WorkerPool? = nil
    ) -> ReadoutResult {
        var result = ReadoutResult()
        guard let base = logits.baseAddress else { return result }
        var largest = Int(kernels.table.argmax(base, logits.count))
        guard largest >= 0 else { return result }
        var normaliser: Float?
        if readout.reportsAllTokens {
            let value = kernels.table.log_sum_exp(base, logits.count)
            result.logProbabilities = logits.map { $0 - value }
            normaliser = value
        }
        if let average = readout.average {
            result.averageSum = Self.apply(average, to: logits)
            largest = Int(kernels.table.argmax(base, logits.count))
            guard largest >= 0 else { return result }
            normaliser = nil
        }
        let token =
            if case .largest = readout.choice, readout.allowed == nil {
                largest
            } else {
                choose(readout, from: logits, thread: thread, pool: pool)
            }
        result.token = token
        guard readout.needsNormaliser else { return result }
        let logSum = normaliser ?? kernels.table.log_sum_exp(base, logits.count)
        result.alternatives = TokenAlternative.best(readout.alternatives, of: logits, normaliser: logSum)
        if let target = readout.target { result.targetLogProbability = logits[target] - logSum }
        if readout.reportsLogProbability { result.logProbability = logits[token] - logSum }
        return result
    }

    /// Chooses a token. Mask, bias and penalties change a copy of the logits.
    private func choose(
        _ readout: Readout, from logits: UnsafeMutableBufferPointer<Float>, thread: Int, pool: WorkerPool?
    ) -> Int {
        let selection = TokenSelection(kernels: kernels, memory: memory, thread: thread, pool: pool)
        var row = logits
        func copyOnce() {
            guard row.baseAddress == logits.baseAddress else { return }
            row = UnsafeMutableBufferPointer(start: memory.copy(thread), count: logits.count)
            _ = row.update(fromContentsOf: logits)
        }
        if let allowed = readout.allowed {
            copyOnce()
            allowed.forbid(in: row)
        }
        switch readout.choice {
        case .largest: return selection.largest(row)
        case .sampled(let sampler, let position, let pending):
            if sampler.changesLogits {
                copyOnce()
                sampler.adjust(row, pending: pending)
            }
            return selection.choose(from: row, sampler.parameters, position: position)
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
