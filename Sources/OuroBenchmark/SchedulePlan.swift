import Ouro

/// Which schedules to measure. A schedule is a way to arrange rows into passes.
package struct SchedulePlan: Sendable {
    /// A kind of measurement, as `--only` names it.
    package enum Kind: String, Sendable, CaseIterable {
        /// One request under every schedule.
        case schedules
        /// Many concurrent requests.
        case concurrency
        /// How often the prediction of a loop is that of the last loop.
        case agreement
        /// Schedules with real passes, and with predictions from a table.
        case simulation
    }

    package var kinds: Set<Kind>
    /// The number of threads.
    package var threads: Int
    /// The prompt of the requests. By default a few lines of Swift, or arbitrary tokens if there is no tokenizer.
    package var prompt: String?
    /// The largest number of tokens of a request.
    package var maxTokens: Int
    /// The number of tokens that prompt lookup proposes at a time.
    package var draftTokens: Int
    /// The exit threshold. By default the model's own, or 0.5 if the model never exits early.
    package var exitThreshold: Float?
    /// Numbers of concurrent requests.
    package var streams: [Int]
    /// The text whose predictions are compared loop by loop. By default the model's own output.
    package var text: String?
    /// The table with the simulation's predictions.
    package var table: SimulationTable
    /// The number of rows up to which guesses fill a pass. By default measured, as in an engine.
    package var freeRows: Int?
    /// Duration of each measurement in seconds. One trial takes at most half of it.
    package var seconds: Double
    /// Element type of keys and values. By default bf16, or 8 bits with quantised weights.
    package var kvType: KVType?
    /// Instruction set of the kernels. By default the one in `OURO_ISA`, otherwise the best of this machine.
    package var instructionSet: String?
    /// The clock of all measurements.
    package var clock = BenchmarkClock.machine

    package init(
        kinds: Set<Kind>, threads: Int? = nil, prompt: String? = nil, maxTokens: Int = 128, draftTokens: Int = 4,
        exitThreshold: Float? = nil, streams: [Int] = [1, 2, 4, 8, 16, 32, 64], text: String? = nil,
        table: SimulationTable = SimulationTable(), freeRows: Int? = nil, seconds: Double = 3, kvType: KVType? = nil,
        instructionSet: String? = nil
    ) {
        self.kinds = kinds
        self.threads = threads ?? Machine.current.coreCount
        self.prompt = prompt
        self.maxTokens = maxTokens
        self.draftTokens = draftTokens
        self.exitThreshold = exitThreshold
        self.streams = streams
        self.text = text
        self.table = table
        self.freeRows = freeRows
        self.seconds = seconds
        self.kvType = kvType
        self.instructionSet = instructionSet
    }

    /// A text with repetitions, as in source code that people edit.
    static let prompt = """
        public func append(_ element: Element) {
            elements.append(element)
        }

        public func insert(_ element: Element, at index: Int) {
            elements.insert(element, at: index)
        }

        public func
        """

    /// Checks all values.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` for the first invalid value.
    func validate() throws(OuroError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(OuroError) {
            guard range.contains(value) else {
                throw OuroError(
                    .invalidRequest, field: name, "expected \(range.lowerBound) to \(range.upperBound), found \(value)")
            }
        }
        try check("threads", threads, 1...1024)
        try check("max_tokens", maxTokens, 3...4096)
        try check("draft_tokens", draftTokens, 1...RequestLimits.draftTokens.upperBound)
        for count in streams { try check("streams", count, 1...256) }
        guard !streams.isEmpty else { throw OuroError(.invalidRequest, field: "streams", "the list is empty") }
        if let freeRows { try check("free_rows", freeRows, 0...65_536) }
        if let exitThreshold { try ExitPolicy.threshold(exitThreshold).validate() }
        guard seconds > 0, seconds <= 3600 else {
            throw OuroError(
                .invalidRequest, field: "seconds", "expected more than 0 and at most 3600, found \(seconds)")
        }
        try table.validate()
    }
}

/// How early predictions settle and tokens exit in a simulation.
package struct SimulationTable: Sendable, Equatable {
    /// For each loop, the share of positions whose prediction has settled. The shares grow to 1 at the last loop.
    package var settled: [Double]
    /// Mean exit loops to simulate. In each, every token exits at one of the two loops next to the mean. By default
    /// those of 1.5, 2 and 3 that are below the number of loops.
    package var meanExits: [Double]?

    /// Makes a table.
    ///
    /// - Parameters:
    ///   - settled: for each loop, the share of settled positions. By default the shares of the small trained model in
    ///     the test fixtures.
    ///   - meanExits: mean exit loops to simulate; nil for the default.
    package init(settled: [Double] = [0.81, 0.92, 0.96, 1], meanExits: [Double]? = nil) {
        self.settled = settled
        self.meanExits = meanExits
    }

    var loops: Int { settled.count }
    var exits: [Double] { meanExits ?? [1.5, 2, 3].filter { $0 < Double(loops) } }

    /// Checks the table.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` if the shares do not grow from 0 to 1, or if a mean exit is not
    ///   between the first and the last loop.
    func validate() throws(OuroError) {
        guard RequestLimits.loops.contains(settled.count) else {
            throw OuroError(
                .invalidRequest, field: "agreement",
                "expected a share for each of 1 to \(RequestLimits.loops.upperBound) loops, found \(settled.count)")
        }
        guard zip(settled, settled.dropFirst()).allSatisfy({ $0 <= $1 }), settled.allSatisfy({ $0 >= 0 }),
            settled[settled.count - 1] == 1
        else {
            throw OuroError(
                .invalidRequest, field: "agreement",
                "expected shares from 0 that grow to 1 at the last loop, found "
                    + settled.map { "\($0)" }.joined(separator: ", "))
        }
        if let bad = exits.first(where: { !($0 >= 1 && $0 <= Double(loops)) }) {
            throw OuroError(.invalidRequest, field: "exits", "expected loops from 1 to \(loops), found \(bad)")
        }
    }
}
