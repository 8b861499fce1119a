import Ouro

/// What to measure of the ways to arrange rows into passes.
public struct SchedulePlan: Sendable {
    /// A kind of measurement, as `--only` names it.
    public enum Kind: String, Sendable, CaseIterable {
        /// One request under every schedule.
        case schedules
        /// Many requests at a time.
        case concurrency
        /// How often a loop's prediction is the last one's.
        case agreement
        /// Schedules on real passes, with predictions from a table.
        case simulation
    }

    public var kinds: Set<Kind>
    /// Threads of the pool.
    public var threads: Int
    /// What requests continue; by default a few lines of Swift, and made-up tokens where there is no tokenizer.
    public var prompt: String?
    /// Tokens that a request makes at most.
    public var maxTokens: Int
    /// Tokens that prompt lookup proposes at a time.
    public var draftTokens: Int
    /// When tokens leave early; by default the model's own threshold, 0.5 if that is never.
    public var exitThreshold: Float?
    /// Numbers of requests that run together.
    public var streams: [Int]
    /// The text whose predictions are compared loop by loop; by default what the model writes.
    public var text: String?
    /// What the simulation takes its predictions from.
    public var table: SimulationTable
    /// Rows up to which a pass may be filled up with guesses; by default measured, as an engine does.
    public var freeRows: Int?
    /// Seconds that a measurement repeats for, at most half of it at a time.
    public var seconds: Double
    /// How keys and values are stored; by default bf16, and 8 bits with quantised weights.
    public var kvType: KVType?
    /// Instruction set of the kernels; by default `OURO_ISA`, else the best.
    public var instructionSet: String?
    /// The clock of all measurements.
    package var clock = BenchmarkClock.machine

    public init(
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

    /// Lines that occur again and again, as in the texts that people have written and edited.
    static let prompt = """
        public func append(_ element: Element) {
            elements.append(element)
        }

        public func insert(_ element: Element, at index: Int) {
            elements.insert(element, at: index)
        }

        public func
        """

    /// - Throws: ``OuroError`` with code `invalidRequest` naming the first value that makes no sense.
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

/// How soon predictions settle and when tokens leave, for a simulation.
public struct SimulationTable: Sendable, Equatable {
    /// The share of positions whose prediction has settled after each loop; grows to 1 at the last loop.
    public var settled: [Double]
    /// Mean loops that tokens leave at: each is run with all tokens leaving at one of the two loops beside it. By default
    /// those of 1.5, 2 and 3 that there are.
    public var meanExits: [Double]?

    /// - Parameters:
    ///   - settled: by default those of the small trained model among the test fixtures.
    public init(settled: [Double] = [0.81, 0.92, 0.96, 1], meanExits: [Double]? = nil) {
        self.settled = settled
        self.meanExits = meanExits
    }

    var loops: Int { settled.count }
    var exits: [Double] { meanExits ?? [1.5, 2, 3].filter { $0 < Double(loops) } }

    /// - Throws: ``OuroError`` with code `invalidRequest` for shares that do not grow from 0 to 1, or exits between no loops.
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
                "expected shares that grow from 0 on to 1 at the last loop, found "
                    + settled.map { "\($0)" }.joined(separator: ", "))
        }
        if let bad = exits.first(where: { !($0 >= 1 && $0 <= Double(loops)) }) {
            throw OuroError(.invalidRequest, field: "exits", "expected loops from 1 to \(loops), found \(bad)")
        }
    }
}
