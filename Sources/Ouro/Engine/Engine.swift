import Foundation
import Synchronization

/// Loads a model, and generates and scores text with it.
///
/// Requests run together: every pass of the layer stack processes rows of all requests. Each result is bit-identical to
/// that of the request running alone. The work runs on a dedicated thread, never on Swift's cooperative thread pool.
///
/// ```swift
/// let engine = try Engine(modelAt: folder)
/// for try await token in try engine.generate(.init("The future of AI is", maxTokens: 50)) {
///     print(token.text, terminator: "")
/// }
/// ```
public final class Engine: Sendable {
    /// The configuration of the model, including overrides.
    public let configuration: ModelConfiguration
    /// The sampling defaults in `generation_config.json`.
    public let generationDefaults: GenerationConfiguration
    /// The tokenizer. Nil if the folder has no `tokenizer.json`; prompts must then be tokens.
    public let tokenizer: Tokenizer?
    /// The chat template of the model, or the default template if it has none.
    public let chatTemplate: ChatTemplate
    /// The options that the engine was made with.
    public let options: EngineOptions
    /// The kind and instruction set of the device that runs the model: `cpu:avx512`.
    public let device: String
    /// The budget for keys and values of all requests, in bytes.
    public let cacheMemory: Int
    /// The type of stored keys and values.
    public let kvType: KVType
    /// The cache policies that the device can run.
    let policies: Set<KVPolicy>
    private let thread: EngineThread

    /// Loads a Hugging Face model folder: `config.json`, `model.safetensors` or shards with an index, and
    /// `tokenizer.json`.
    ///
    /// - Parameters:
    ///   - folder: the model folder.
    ///   - options: how the engine uses the machine.
    ///   - overrides: changes the configuration before the model is built, as in `{ $0.loops = 3 }`.
    /// - Throws: ``OuroError`` with the file and field of the first fault.
    public init(
        modelAt folder: URL, options: EngineOptions = EngineOptions(),
        overrides: (inout ModelConfiguration) -> Void = { _ in }
    ) throws(OuroError) {
        try options.validate()
        let configuration = try LoadedModel.configuration(of: folder, overrides: overrides)
        try options.checkMemory(configuration)
        let defaults = try GenerationConfiguration.load(fromModelFolder: folder)
        try defaults.validate(
            vocabularySize: configuration.vocabularySize,
            file: folder.appendingPathComponent(GenerationConfiguration.fileName).path)
        let tokenizerFile = folder.appendingPathComponent("tokenizer.json")
        tokenizer =
            FileManager.default.fileExists(atPath: tokenizerFile.path) ? try Tokenizer(contentsOf: tokenizerFile) : nil
        chatTemplate = try ChatTemplate.load(fromModelFolder: folder)
        let model = try LoadedModel(
            folder: folder, configuration: configuration,
            kernels: Kernels.select(options.instructionSet),
            pool: WorkerPool(threadCount: options.threads ?? Machine.current.coreCount), mapped: options.mapsFiles,
            adapter: options.adapter)
        let device = model.makeDevice(kvType: options.kvType)
        let cacheMemory = options.cacheMemory ?? Machine.current.availableMemory / 10 * 7

        self.configuration = configuration
        generationDefaults = defaults
        self.options = options
        self.cacheMemory = cacheMemory
        kvType = device.layout.type
        self.device = device.name
        policies = device.policies
        let freeRows = options.freeRows ?? CostCurve(measuring: device).freeRows(loops: configuration.loops)
        thread = EngineThread(
            scheduler: Scheduler(
                device: device,
                pool: KVPool(device: device, budget: cacheMemory, sharesPrefixes: options.sharesPrefixes),
                rowsPerPass: options.rowsPerPass, freeRows: freeRows))
    }

    /// Makes an engine of its parts, for tests with scripted devices.
    ///
    /// - Parameters:
    ///   - configuration: the vocabulary, the loops and the context.
    ///   - tokenizer: the tokenizer.
    ///   - chatTemplate: the chat template.
    ///   - options: rows, cache and prefix sharing are used.
    ///   - makeDevice: makes the device. Only the inference thread uses it.
    package init(
        configuration: ModelConfiguration, tokenizer: Tokenizer?, chatTemplate: ChatTemplate,
        options: EngineOptions = EngineOptions(), makeDevice: () -> sending any PassDevice
    ) {
        let device = makeDevice()
        self.configuration = configuration
        generationDefaults = GenerationConfiguration()
        self.tokenizer = tokenizer
        self.chatTemplate = chatTemplate
        self.options = options
        let cacheMemory = options.cacheMemory ?? 64 << 20
        self.cacheMemory = cacheMemory
        kvType = device.layout.type
        self.device = device.name
        policies = device.policies
        thread = EngineThread(
            scheduler: Scheduler(
                device: device,
                pool: KVPool(device: device, budget: cacheMemory, sharesPrefixes: options.sharesPrefixes),
                rowsPerPass: options.rowsPerPass, freeRows: options.freeRows ?? 16))
    }

    deinit { thread.stop() }

    /// Checks a request and fills in its defaults, without starting it.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest`, `invalidTemplate`, `contextExceeded` or `unsupported`.
    public func prepare(_ request: GenerationRequest) throws(OuroError) -> PreparedRequest {
        let prompt = try tokens(of: request.prompt)
        return PreparedRequest(prompt: prompt, resolved: try resolve(request, promptCount: prompt.count))
    }

    /// Starts a generation. The engine lives at least until the generation ends.
    ///
    /// - Throws: The errors of ``prepare(_:)``, before any work is done. The stream throws later errors. They concern only
    ///   this request.
    public func generate(_ request: GenerationRequest) throws(OuroError) -> TokenStream {
        generate(try prepare(request))
    }

    /// Starts a generation that ``prepare(_:)`` has checked. The engine lives at least until the generation ends.
    public func generate(_ request: PreparedRequest) -> TokenStream { generate(request, backlog: nil) }

    /// Starts a generation that ``prepare(_:)`` has checked.
    ///
    /// - Parameter backlog: the number of tokens that may wait for the receiver. Then the generation pauses. Nil sets no
    ///   limit.
    package func generate(_ request: PreparedRequest, backlog limit: Int?) -> TokenStream {
        let flag = AtomicFlag()
        let backlog = limit.map { limit in TokenBacklog(limit: limit) { [weak thread] in thread?.wake() } }
        let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
        // The stream keeps the engine alive until it ends, because its consumer may hold only the stream.
        continuation.onTermination = { _ in
            withExtendedLifetime(self) {
                flag.set()
                // A paused generation does not run passes, which would see the flag.
                if backlog != nil { self.thread.wake() }
            }
        }
        thread.perform { scheduler in
            scheduler.submit(
                GenerationTask(
                    prompt: request.prompt, request: request.resolved, continuation: continuation, cancelled: flag,
                    backlog: backlog))
        }
        return TokenStream(promptTokens: request.prompt.count, stream: stream, backlog: backlog)
    }

    /// Scores a text: log-probability, gate and prediction at every position after every loop.
    ///
    /// - Parameters:
    ///   - request: the text and how to score it.
    ///   - progress: called on the inference thread with the number of positions that are complete.
    /// - Returns: one value for each token of the text.
    /// - Throws: ``OuroError``, or `CancellationError` if the task was cancelled.
    public func score(
        _ request: ScoringRequest, progress: (@Sendable (Int) -> Void)? = nil
    ) async throws -> [ScoredPosition] {
        var resolved = try resolve(request)
        resolved.progress = progress
        let flag = AtomicFlag()
        let result = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                [resolved] (continuation: CheckedContinuation<[ScoredPosition], any Error>) in
                thread.perform { scheduler in
                    scheduler.submit(
                        ScoringTask(resolved, cancelled: flag, deliver: { continuation.resume(with: $0) }))
                }
            }
        } onCancel: {
            flag.set()
        }
        try Task.checkCancellation()
        return result
    }

    /// Requests, memory and passes at the end of the last pass. Any thread may read it at any time.
    public var load: EngineLoad { thread.load }

    // MARK: for tests

    /// Blocks of the cache in use, and slots of hidden states in use. Both are zero when no request runs.
    func usage() async -> (blocksInUse: Int, slots: Int) {
        await withCheckedContinuation { continuation in
            thread.perform { scheduler in
                continuation.resume(returning: (scheduler.pool.blocksInUse, scheduler.slots.used))
            }
        }
    }
}
