import Ouro

/// One measurement of a benchmark, and the machine's limit for it.
package struct BenchmarkFigure: Sendable, Equatable {
    /// What is measured. For the machine: `bandwidth`, `multiply-add` or `int8-dot`. For the model: `load`, `memory`,
    /// `prefill`, `pass` or `decode`.
    package var name: String
    /// Name of the shape or of the model folder.
    package var shape: String
    /// Element type of the weights: `f32`, `bf16`, `q8`, `q4`, or that of the folder.
    package var weights: String?
    package var threads: Int
    /// Rows of a pass.
    package var rows: Int?
    /// Positions of a prefill chunk.
    package var chunk: Int?
    /// Positions that the last row attends to.
    package var context: Int?
    package var value: Double
    package var unit: String
    /// The machine's limit in the same unit, measured alternately with the value; nil if there is none.
    package var limit: Double?
    /// The median over all repetitions of value / limit. 1 means that the limit is reached.
    package var fraction: Double?
    /// For a pass with several rows: the median of its time relative to a pass with one row, measured alternately.
    package var timesOneRow: Double?
    /// The same ratio for the limits of the two passes. It is 1 while the pass is bound by reading weights, and larger
    /// when it is bound by arithmetic.
    package var leastTimesOneRow: Double?
}

/// What to measure.
package struct BenchmarkPlan: Sendable {
    /// A kind of measurement, as `--only` names it.
    package enum Kind: String, Sendable, CaseIterable {
        /// Read bandwidth, f32 multiply-adds and 8-bit dot products at 1 to N threads.
        case machine
        /// Time until the weights are loaded; for a folder also the time to the first token. Then the resident memory.
        case load
        /// One pass over the layer stack.
        case pass
        /// Decoding throughput of a single sequence with all loops and logits.
        case decode
        /// Prefill throughput with all loops.
        case prefill
    }

    package var kinds: Set<Kind>
    /// The number of threads.
    package var threads: Int
    /// Rows of the passes to measure.
    package var rows: [Int]
    /// Chunk sizes of the prefill to measure.
    package var chunks: [Int]
    /// Context lengths for prefill and decoding, besides an empty context.
    package var contexts: [Int]
    /// Duration of each measurement, in seconds.
    package var seconds: Double
    /// Element type of keys and values. By default bf16, or 8 bits with quantised weights.
    package var kvType: KVType?
    /// Instruction set of the kernels. By default the one in `OURO_ISA`, otherwise the best of this machine.
    package var instructionSet: String?
    /// The clock of all measurements.
    package var clock = BenchmarkClock.machine

    package init(
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

    /// Checks all values.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` for the first invalid value.
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
package struct BenchmarkShape: Sendable, Equatable {
    package let name: String
    package let configuration: ModelConfiguration

    /// The named shapes.
    package static let names = ["ouro-1.4b", "ouro-2.6b", "tiny"]

    /// Makes a shape from its name, or from sizes as `LAYERSxHIDDENxHEADSxMLPxVOCAB`, such as `24x2048x16x5632x49152`.
    ///
    /// - Parameters:
    ///   - name: the name or the sizes.
    /// - Throws: `OuroError` with code `invalidRequest` for an unknown name, or `invalidConfiguration` for impossible
    ///   sizes.
    package init(_ name: String) throws(OuroError) {
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
