import Ouro

/// One figure of a benchmark, and the machine's limit it is held against.
public struct BenchmarkFigure: Sendable, Equatable {
    /// `bandwidth`, `multiply-add`, `int8-dot` (the machine); `load`, `memory`, `prefill`, `pass`, `decode` (the model).
    public var name: String
    /// The named shape, or the model folder's name.
    public var shape: String
    /// How weights are stored: `f32`, `bf16`, `q8`, `q4`, or what the folder has.
    public var weights: String?
    public var threads: Int
    /// Rows of a pass.
    public var rows: Int?
    /// Positions of a prompt that run together.
    public var chunk: Int?
    /// Positions that the last row sees.
    public var context: Int?
    public var value: Double
    public var unit: String
    /// What the machine could do at best, in the same unit, measured in turn with the value; nil where there is none.
    public var limit: Double?
    /// The median over all repetitions of the share of the limit that was reached (1 is the limit).
    public var fraction: Double?
    /// Of a pass with several rows: the median of its time over that of a pass with one row, run in turn.
    public var timesOneRow: Double?
    /// The same of the limits of the two passes: 1 while reading the weights takes the time, more where computing does.
    public var leastTimesOneRow: Double?
}

/// What to measure.
public struct BenchmarkPlan: Sendable {
    /// A kind of measurement, as `--only` names it.
    public enum Kind: String, Sendable, CaseIterable {
        /// Read bandwidth, f32 multiply-adds and 8-bit dot products at 1 to N threads.
        case machine
        /// Time until the weights are ready and, of a folder, until the first token; memory after that.
        case load
        /// One pass of the layer stack.
        case pass
        /// Tokens per second of a single sequence, all loops, with logits.
        case decode
        /// Prompt tokens per second, all loops.
        case prefill
    }

    public var kinds: Set<Kind>
    /// Threads of the pool.
    public var threads: Int
    /// Rows of the passes to measure.
    public var rows: [Int]
    /// Chunk sizes of the prefill to measure.
    public var chunks: [Int]
    /// Contexts to measure prefill and decode at, besides an empty one.
    public var contexts: [Int]
    /// Seconds that a measurement repeats for.
    public var seconds: Double
    /// How keys and values are stored; by default bf16, and 8 bits with quantised weights.
    public var kvType: KVType?
    /// Instruction set of the kernels; by default `OURO_ISA`, else the best.
    public var instructionSet: String?
    /// The clock of all measurements.
    package var clock = BenchmarkClock.machine

    public init(
        kinds: Set<Kind> = Set(Kind.allCases), threads: Int? = nil, rows: [Int] = [1, 2, 4, 8, 16],
        chunks: [Int] = [1, 8, 32, 128, 512], contexts: [Int] = [512, 4096], seconds: Double = 3,
        kvType: KVType? = nil, instructionSet: String? = nil
    ) {
        self.kinds = kinds
        self.threads = threads ?? Machine.current.coreCount
        self.rows = rows
        self.chunks = chunks
        self.contexts = contexts
        self.seconds = seconds
        self.kvType = kvType
        self.instructionSet = instructionSet
    }

    /// - Throws: ``OuroError`` with code `invalidRequest` naming the first value that makes no sense.
    func validate() throws(OuroError) {
        func check(_ name: String, _ values: [Int], _ range: ClosedRange<Int>) throws(OuroError) {
            if let bad = values.first(where: { !range.contains($0) }) {
                throw OuroError(
                    .invalidRequest, field: name, "expected \(range.lowerBound) to \(range.upperBound), found \(bad)")
            }
        }
        try check("threads", [threads], 1...1024)
        try check("rows", rows, 1...4096)
        try check("chunk", chunks, 1...4096)
        try check("context", contexts, 1...1_048_576)
        guard seconds > 0, seconds <= 3600 else {
            throw OuroError(
                .invalidRequest, field: "seconds", "expected more than 0 and at most 3600, found \(seconds)")
        }
    }
}

/// The sizes of a model that is measured with random weights.
public struct BenchmarkShape: Sendable, Equatable {
    public let name: String
    public let configuration: ModelConfiguration

    /// Shapes with a name.
    public static let names = ["ouro-1.4b", "ouro-2.6b", "tiny"]

    /// A named shape, or `LAYERSxHIDDENxHEADSxMLPxVOCAB`, as in `24x2048x16x5632x49152`.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` for anything else, `invalidConfiguration` for impossible sizes.
    public init(_ name: String) throws(OuroError) {
        let sizes: [Int]
        switch name {
        case "ouro-1.4b": sizes = [24, 2048, 16, 5632, 49_152]
        case "ouro-2.6b": sizes = [48, 2048, 16, 5632, 49_152]
        case "tiny": sizes = [4, 256, 4, 704, 2048]
        default: sizes = name.split(separator: "x", omittingEmptySubsequences: false).compactMap { Int($0) }
        }
        guard sizes.count == 5 else {
            throw OuroError(
                .invalidRequest, field: "shape",
                "expected \(Self.names.joined(separator: ", ")) or LAYERSxHIDDENxHEADSxMLPxVOCAB, found '\(name)'")
        }
        self.name = name
        configuration = ModelConfiguration(
            vocabularySize: sizes[4], hiddenSize: sizes[1], intermediateSize: sizes[3], layerCount: sizes[0],
            headCount: sizes[2], contextLength: 65_536)
        try configuration.validate(file: "shape")
    }
}
