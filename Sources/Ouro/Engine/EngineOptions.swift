import Foundation

/// How an engine uses the machine. The initialiser has the defaults.
public struct EngineOptions: Sendable {
    /// The hardware that runs the model.
    public var device: Device
    /// The number of threads that share the work of a pass. By default, one for each physical core.
    public var threads: Int?
    /// The budget for keys and values in bytes, for live requests and for cached pages. By default, 70 % of the memory
    /// that is available after loading.
    public var cacheMemory: Int?
    /// Whether a request reuses cached keys and values of an equal prefix. This changes the speed, but never the
    /// output.
    public var sharesPrefixes: Bool
    /// Most positions of a prompt in one prefill chunk.
    public var prefillChunk: Int
    /// Most rows of a pass, for all requests together.
    public var rowsPerPass: Int
    /// The number of rows up to which guesses may fill a pass. By default, it is measured when the model is loaded.
    public var freeRows: Int?
    /// Whether to map the files of the checkpoint. If not, they are read into memory. Mapped files must not change
    /// while they are in use.
    public var mapsFiles: Bool
    /// The type of stored keys and values. By default, ``KVType/default(for:)``.
    public var kvType: KVType?
    /// The cache policy of requests that do not set one.
    public var kvPolicy: KVPolicy
    /// The instruction set of the kernels, such as `avx512` or `portable`. By default, the value of `OURO_ISA`, or else
    /// the best one of this machine.
    public var instructionSet: String?
    /// The folder of a LoRA adapter in PEFT's format. It is merged into the weights while they are loaded
    /// (``Adapter``).
    public var adapter: URL?

    /// Makes options. Each parameter sets the property of the same name. The values are checked when an engine is made.
    public init(
        threads: Int? = nil, cacheMemory: Int? = nil, prefillChunk: Int = 256, rowsPerPass: Int = 512,
        freeRows: Int? = nil, mapsFiles: Bool = true, kvType: KVType? = nil, instructionSet: String? = nil,
        sharesPrefixes: Bool = true, kvPolicy: KVPolicy = .full, adapter: URL? = nil, device: Device = .auto
    ) {
        self.device = device
        self.threads = threads
        self.cacheMemory = cacheMemory
        self.prefillChunk = prefillChunk
        self.rowsPerPass = rowsPerPass
        self.freeRows = freeRows
        self.mapsFiles = mapsFiles
        self.kvType = kvType
        self.instructionSet = instructionSet
        self.adapter = adapter
        self.sharesPrefixes = sharesPrefixes
        self.kvPolicy = kvPolicy
    }

    /// Checks the ranges.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest`.
    package func validate() throws(OuroError) {
        if let threads { try RequestLimits.check("threads", threads, RequestLimits.threads) }
        if let cacheMemory, cacheMemory < 0 {
            throw OuroError(.invalidRequest, field: "cacheMemory", "expected at least 0, found \(cacheMemory)")
        }
        try RequestLimits.check("prefillChunk", prefillChunk, RequestLimits.rows)
        if let freeRows { try RequestLimits.check("freeRows", freeRows, 0...RequestLimits.rows.upperBound) }
        try RequestLimits.check("rowsPerPass", rowsPerPass, RequestLimits.rows)
    }

    /// Checks that the intermediate values of the largest pass fit into memory.
    ///
    /// - Throws: ``OuroError`` with code `memoryExceeded` if they do not.
    package func checkMemory(
        _ configuration: ModelConfiguration, available: Int = Machine.current.availableMemory
    ) throws(OuroError) {
        let rows = max(rowsPerPass, prefillChunk)
        let bytes = Workspace.byteCount(rows: Workspace.rowsMade(for: rows), configuration: configuration)
        guard bytes <= available else {
            throw OuroError(
                .memoryExceeded, field: prefillChunk >= rowsPerPass ? "prefillChunk" : "rowsPerPass",
                "passes of \(rows) rows need \(bytes >> 20) MiB of memory, but only \(available >> 20) MiB are "
                    + "available; choose a smaller value")
        }
    }
}
