/// Decides how the logits of a generation's rows become tokens, and takes the results.
///
/// It holds the sampler's context, the constraint, and the averages of weighted exits. The device does the arithmetic.
struct Chooser {
    private let request: ResolvedRequest
    private let promptCount: Int
    private let vocabularySize: Int
    private var sampler: Sampler
    // For weighted exits: the sum of each position's logits so far, weighted by exit probability.
    private var averages: [Int: [Float]] = [:]

    init(_ request: ResolvedRequest, prompt: [Int]) {
        self.request = request
        promptCount = prompt.count
        vocabularySize = request.vocabularySize
        sampler = Sampler(request.sampling, prompt: prompt)
    }

    /// Adds a final token to the sampler's context.
    mutating func append(_ token: Int) { sampler.append(token) }

    /// Discards the state of rows in progress.
    mutating func reset() { averages = [:] }

    /// The readout of a row that has taken its outcome.
    ///
    /// - Parameters:
    ///   - row: the row.
    ///   - output: the tokens generated so far.
    ///   - pending: the guesses between `output` and the row's prediction, the row's own token included.
    /// - Throws: the error of the request's constraint.
    func readout(of row: WaveRow, output: ArraySlice<Int>, pending: [Int]) throws(OuroError) -> Readout {
        var readout = Readout(slot: row.slot)
        if !sampler.takesLargestLogit {
            readout.choice = .sampled(sampler, position: row.position + 1, pending: pending)
        }
        readout.allowed = try allowedTokens(at: row.position, output: output, pending: pending)
        if request.exit == .weighted { readout.average = average(for: row) }
        readout.alternatives = row.tracker.exitLoop == nil ? 0 : request.alternatives
        readout.reportsAllTokens = request.everyLoop
        return readout
    }

    /// Lets the constraint compute the masks of the next pass while the pass runs.
    ///
    /// - Parameters:
    ///   - output: the tokens generated so far.
    ///   - guesses: the guesses after them.
    func prepare(output: ArraySlice<Int>, guesses: [Int]) {
        guard let constraint = request.constraint else { return }
        for count in 0...guesses.count { constraint.prepare(after: output + Array(guesses[..<count])) }
    }

    /// Stores a result in its row. `token` is the token of the result.
    mutating func take(_ result: ReadoutResult, token: Int, into row: inout WaveRow) {
        if request.everyLoop { row.logProbabilities.append(result.logProbabilities) }
        if request.exit == .weighted {
            averages[row.position] = row.tracker.exitLoop == nil ? result.averageSum : nil
        }
        row.isDecided = row.tracker.exitLoop != nil
        row.alternatives = result.alternatives
        row.logProbability = result.logProbability
        row.guess = token
        let skipped = row.tracker.lambdas.count - 1 - row.guesses.count
        row.guesses += Array(repeating: nil, count: skipped) + [token]
    }

    /// The tokens that may follow a position; nil allows all.
    ///
    /// A constraint that allows only the end of the text overrides the minimum length.
    private func allowedTokens(
        at position: Int, output: ArraySlice<Int>, pending: [Int]
    ) throws(OuroError) -> TokenMask? {
        let isTooShort = position + 1 - promptCount < request.minTokens
        guard request.constraint != nil || isTooShort else { return nil }
        var mask = TokenMask(vocabularySize: vocabularySize, allowsAll: true)
        try request.constraint?.allowTokens(after: output + pending, in: &mask)
        guard isTooShort else { return mask }
        var longer = mask
        for token in request.endTokens { longer[token] = false }
        return longer.isEmpty ? mask : longer
    }

    private func average(for row: WaveRow) -> Readout.Average {
        let tracker = row.tracker
        return Readout.Average(
            sum: tracker.lambdas.count == 1 ? [] : averages[row.position] ?? [],
            probability: tracker.distribution[tracker.distribution.count - 1],
            rest: tracker.exitLoop == nil ? tracker.remaining : 0)
    }
}
