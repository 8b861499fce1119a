import Foundation
import Synchronization

/// A loaded model that generates and scores text.
///
/// Requests run together: every pass of the layer stack takes rows of all of them, and the result of each is bit for bit
/// the same as if it ran alone. The work happens on a dedicated thread, never on Swift's cooperative pool.
///
/// ```swift
/// let engine = try Engine(modelAt: folder)
/// for try await token in try engine.generate(.init("The future of AI is", maxTokens: 50)) {
///     print(token.text, terminator: "")
/// }
/// ```
public final class Engine: Sendable {
    /// The model's configuration, overrides included.
    public let configuration: ModelConfiguration
    /// Sampling defaults from `generation_config.json`.
    public let generationDefaults: GenerationConfiguration
    /// Nil if the folder has no `tokenizer.json`; prompts are then given as tokens.
    public let tokenizer: Tokenizer?
    public let chatTemplate: ChatTemplate
    public let options: EngineOptions
    /// The device that runs the model, and its instruction set: `cpu:avx512`.
    public let device: String
    /// Bytes that keys and values may take, all sequences together.
    public let cacheMemory: Int
    /// How keys and values are stored.
    public let kvType: KVType
    /// The cache policies that the device can run.
    let policies: Set<KVPolicy>
    private let thread: EngineThread

    /// Loads a Hugging Face model folder: `config.json`, `model.safetensors` or shards with an index, `tokenizer.json`.
    ///
    /// - Parameters:
    ///   - overrides: changes the configuration before the model is built, as in `{ $0.loops = 3 }`.
    /// - Throws: ``OuroError`` naming file and field of the first thing that is wrong.
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

    deinit { thread.stop() }

    /// Checks a request and fills in its defaults, without starting it.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` or `contextExceeded`.
    public func prepare(_ request: GenerationRequest) throws(OuroError) -> PreparedRequest {
        let prompt = try tokens(of: request.prompt)
        return PreparedRequest(prompt: prompt, resolved: try resolve(request, promptCount: prompt.count))
    }

    /// Starts a generation. The engine lives at least until the generation ends.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` or `contextExceeded` before any work is done. Later errors come
    ///   out of the stream and concern this request alone.
    public func generate(_ request: GenerationRequest) throws(OuroError) -> TokenStream {
        generate(try prepare(request))
    }

    /// Starts a generation that ``prepare(_:)`` has checked.
    public func generate(_ request: PreparedRequest) -> TokenStream {
        let flag = CancellationFlag()
        let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
        // The stream keeps the engine until it ends: its consumer may hold nothing but the stream.
        continuation.onTermination = { _ in withExtendedLifetime(self) { flag.set() } }
        thread.perform { scheduler in
            scheduler.submit(
                GenerationTask(
                    prompt: request.prompt, request: request.resolved, continuation: continuation, cancelled: flag))
        }
        return TokenStream(promptTokens: request.prompt.count, stream: stream)
    }

    /// Scores a text: log-probability, gate and prediction of every position after every loop.
    ///
    /// - Parameters:
    ///   - progress: called with the number of positions done, on the inference thread.
    /// - Returns: one value for each token of the text.
    /// - Throws: ``OuroError``, or `CancellationError` if the task was cancelled.
    public func score(
        _ request: ScoringRequest, progress: (@Sendable (Int) -> Void)? = nil
    ) async throws -> [ScoredPosition] {
        var resolved = try resolve(request)
        resolved.progress = progress
        let flag = CancellationFlag()
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

    /// Requests, memory and passes, as of the end of the last pass. May be read from any thread at any time.
    public var load: EngineLoad { thread.load }

    // MARK: for tests

    /// Blocks of the cache in use, and slots of hidden states in use. Both are zero when nothing runs.
    func usage() async -> (blocksInUse: Int, slots: Int) {
        await withCheckedContinuation { continuation in
            thread.perform { scheduler in
                continuation.resume(returning: (scheduler.pool.blocksInUse, scheduler.slots.used))
            }
        }
    }
}
