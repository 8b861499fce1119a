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
        if let threads, !(1...1024).contains(threads) {
            throw OuroError(.invalidRequest, field: "threads", "expected 1 to 1024, found \(threads)")
        }
        if let cacheMemory, cacheMemory < 0 {
            throw OuroError(.invalidRequest, field: "cacheMemory", "expected at least 0, found \(cacheMemory)")
        }
        guard (1...65_536).contains(prefillChunk) else {
            throw OuroError(.invalidRequest, field: "prefillChunk", "expected 1 to 65536, found \(prefillChunk)")
        }
        if let freeRows, !(0...65_536).contains(freeRows) {
            throw OuroError(.invalidRequest, field: "freeRows", "expected 0 to 65536, found \(freeRows)")
        }
        guard (1...65_536).contains(rowsPerPass) else {
            throw OuroError(.invalidRequest, field: "rowsPerPass", "expected 1 to 65536, found \(rowsPerPass)")
        }
    }

    /// - Throws: ``OuroError`` with code `memoryExceeded` if there is no memory for the largest pass.
    package func checkMemory(
        _ configuration: ModelConfiguration, available: Int = EngineOptions.availableMemory
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

    /// One thread per physical core this process may run on: a second thread on a core has no multipliers of its own.
    package static var defaultThreads: Int {
        let processors = ProcessInfo.processInfo.activeProcessorCount
        var cores: Set<String> = []
        for processor in 0..<processors {
            let path = "/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list"
            guard let siblings = try? String(contentsOfFile: path, encoding: .utf8) else { return processors }
            cores.insert(siblings)
        }
        return max(1, min(cores.count, processors))
    }

    /// Memory that could be had now without swapping, in bytes.
    package static var availableMemory: Int {
        if let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        {
            return kibibytes << 10
        }
        return Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
    }
}
