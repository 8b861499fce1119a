import Foundation

/// What an engine may use of the machine.
public struct EngineOptions: Sendable {
    /// The hardware that runs the model.
    public var device: Device
    /// Threads that share the work of a pass; by default one per physical core.
    public var threads: Int?
    /// Bytes for keys and values, of live sequences and of pages kept for later ones; by default 70 % of the memory that
    /// is free after loading.
    public var cacheMemory: Int?
    /// Whether requests begin with what earlier ones with the same first tokens left in the cache. Changes speed, never
    /// output.
    public var sharesPrefixes: Bool
    /// Positions of a prompt that run together.
    public var prefillChunk: Int
    /// Rows of a pass, all sequences together.
    public var rowsPerPass: Int
    /// Rows up to which a pass may be filled up with guesses; by default measured when the model is loaded.
    public var freeRows: Int?
    /// Map the checkpoint's files (default) or read them into memory. A mapped file must not be changed while it is used.
    public var mapsFiles: Bool
    /// How keys and values are stored; by default ``KVType/default(for:)``.
    public var kvType: KVType?
    /// What requests that do not say otherwise keep of keys and values after their prompt.
    public var kvPolicy: KVPolicy
    /// Instruction set of the kernels (`avx512`, `portable`); by default `OURO_ISA`, else the best this machine has.
    public var instructionSet: String?
    /// Folder of a LoRA adapter in PEFT's format, which is merged into the weights as they are loaded (``Adapter``).
    public var adapter: URL?

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

    package func validate() throws(OuroError) {
        if let threads { try RequestLimits.check("threads", threads, RequestLimits.threads) }
        if let cacheMemory, cacheMemory < 0 {
            throw OuroError(.invalidRequest, field: "cacheMemory", "expected at least 0, found \(cacheMemory)")
        }
        try RequestLimits.check("prefillChunk", prefillChunk, RequestLimits.rows)
        if let freeRows { try RequestLimits.check("freeRows", freeRows, 0...RequestLimits.rows.upperBound) }
        try RequestLimits.check("rowsPerPass", rowsPerPass, RequestLimits.rows)
    }

    /// - Throws: ``OuroError`` with code `memoryExceeded` if there is no memory for the largest pass.
    package func checkMemory(
        _ configuration: ModelConfiguration, available: Int = Machine.current.availableMemory
    ) throws(OuroError) {
        let rows = max(rowsPerPass, prefillChunk)
        let bytes = Workspace.byteCount(rows: Workspace.rowsMade(for: rows), configuration: configuration)
        guard bytes <= available else {
            throw OuroError(
                .memoryExceeded, field: prefillChunk >= rowsPerPass ? "prefillChunk" : "rowsPerPass",
                "passes of \(rows) rows take \(bytes >> 20) MiB, of memory there are \(available >> 20) MiB; choose "
                    + "smaller ones")
        }
    }
}
