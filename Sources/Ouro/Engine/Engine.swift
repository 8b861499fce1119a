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
    /// Instruction set of the kernels in use.
    public let instructionSet: String
    /// Bytes that keys and values may take, all sequences together.
    public let cacheMemory: Int
    /// How keys and values are stored.
    public let kvType: KVType
    private let thread: EngineThread

    /// Loads a Hugging Face model folder: `config.json`, `model.safetensors` or shards with an index, `tokenizer.json`.
    ///
    /// - Parameters:
    ///   - overrides: changes the configuration before the model is built, as in `{ $0.totalUTSteps = 3 }`.
    /// - Throws: ``OuroError`` naming file and field of the first thing that is wrong.
    public init(
        modelAt folder: URL, options: EngineOptions = EngineOptions(),
        overrides: (inout ModelConfiguration) -> Void = { _ in }
    ) throws(OuroError) {
        try options.validate()
        var configuration = try ModelConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
        overrides(&configuration)
        try configuration.validate(file: "config.json")
        try options.checkMemory(configuration)
        let defaults = try GenerationConfiguration.load(fromModelFolder: folder)
        try defaults.validate(
            vocabularySize: configuration.vocabularySize,
            file: folder.appendingPathComponent(GenerationConfiguration.fileName).path)
        let tokenizerFile = folder.appendingPathComponent("tokenizer.json")
        let tokenizer: Tokenizer? =
            FileManager.default.fileExists(atPath: tokenizerFile.path) ? try Tokenizer(contentsOf: tokenizerFile) : nil
        let template = try ChatTemplate.load(fromModelFolder: folder)
        let environment = ProcessInfo.processInfo.environment["OURO_ISA"]
        let kernels = try Kernels.select(options.instructionSet ?? environment)
        let pool = WorkerPool(threadCount: options.threads ?? EngineOptions.defaultThreads)
        var checkpoint = try Checkpoint(folder: folder, mapped: options.mapsFiles)
        if let adapter = options.adapter {
            checkpoint = try checkpoint.merging(Adapter(contentsOf: adapter), kernels: kernels)
        }
        let weights = try ModelWeights(checkpoint, configuration: configuration, kernels: kernels, pool: pool)
        let kvType = options.kvType ?? .default(for: configuration)
        let model = LoopedTransformer(
            configuration: configuration, weights: weights, kernels: kernels, pool: pool, kvType: kvType)
        let cacheMemory = options.cacheMemory ?? EngineOptions.availableMemory / 10 * 7
        let scheduler = Scheduler(
            model: model,
            pool: KVPool(layout: model.layout, budget: cacheMemory, sharesPrefixes: options.sharesPrefixes),
            rowsPerPass: options.rowsPerPass,
            freeRows: options.freeRows ?? CostCurve(measuring: model).freeRows(loops: configuration.totalUTSteps))

        self.configuration = configuration
        self.generationDefaults = defaults
        self.tokenizer = tokenizer
        self.chatTemplate = template
        self.options = options
        self.cacheMemory = cacheMemory
        self.kvType = kvType
        instructionSet = kernels.name
        thread = EngineThread(scheduler: scheduler)
    }

    deinit { thread.stop() }

    /// Checks a request as ``generate(_:)`` does, without starting it.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` or `contextExceeded`.
    public func check(_ request: GenerationRequest) throws(OuroError) {
        _ = try resolve(request, promptCount: tokens(of: request.prompt).count)
    }

    /// Starts a generation.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` or `contextExceeded` before any work is done. Later errors come
    ///   out of the stream and concern this request alone.
    public func generate(_ request: GenerationRequest) throws(OuroError) -> TokenStream {
        let prompt = try tokens(of: request.prompt)
        let resolved = try resolve(request, promptCount: prompt.count)
        let flag = CancellationFlag()
        let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
        continuation.onTermination = { _ in flag.set() }
        thread.perform { scheduler in
            scheduler.submit(
                GenerationTask(prompt: prompt, request: resolved, continuation: continuation, cancelled: flag))
        }
        return TokenStream(promptTokens: prompt.count, stream: stream)
    }

    /// Log-probabilities, gates and predictions of a text after every loop.
    ///
    /// - Parameters:
    ///   - cacheSalt: see ``GenerationRequest/cacheSalt``. Scores are always computed; others may find their pages.
    ///   - alternatives: how many of the most likely tokens to report with every position.
    ///   - kvPolicy: what is kept of keys and values after the first `promptTokens` tokens, by default all. With another
    ///     policy than ``KVPolicy/full`` the tokens after the prompt run one by one, as when they are generated; where loops
    ///     share keys and values, they run no further than to their exit, and have no scores after it.
    ///   - promptTokens: needed with another policy than `full`.
    ///   - progress: called with the number of positions done, on the inference thread.
    /// - Throws: ``OuroError``, or `CancellationError` if the task was cancelled.
    public func score(
        _ prompt: GenerationRequest.Prompt, loops: Int? = nil, exit: ExitPolicy? = nil, alternatives: Int = 0,
        cacheSalt: String = "", kvPolicy: KVPolicy = .full, promptTokens: Int? = nil,
        progress: (@Sendable (Int) -> Void)? = nil
    ) async throws -> [ScoredPosition] {
        let tokens = try tokens(of: prompt)
        var request = GenerationRequest(prompt, maxTokens: 1)
        (request.loops, request.exit, request.kvPolicy) = (loops, exit, kvPolicy)
        try checkAlternatives(alternatives)
        let resolved = try resolve(request, promptCount: tokens.count, forScoring: true)
        let promptPositions = promptTokens ?? tokens.count
        guard (1...tokens.count).contains(promptPositions), kvPolicy == .full || promptTokens != nil else {
            throw OuroError(
                .invalidRequest, field: "prompt_tokens",
                "expected 1 to \(tokens.count), the tokens before kv_policy '\(kvPolicy.rawValue)' applies, found "
                    + (promptTokens.map(String.init) ?? "none"))
        }
        let flag = CancellationFlag()
        let result = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<[ScoredPosition], any Error>) in
                thread.perform { scheduler in
                    scheduler.submit(
                        ScoringTask(
                            tokens: tokens, loops: resolved.loops, exit: resolved.exit,
                            chunkSize: resolved.prefillChunk, cacheSalt: cacheSalt, alternatives: alternatives,
                            policy: kvPolicy, promptPositions: promptPositions, cancelled: flag, progress: progress,
                            deliver: { continuation.resume(with: $0) }))
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

    /// Blocks of the cache in use, and rows in flight: both zero when nothing runs. For leak checks.
    func usage() async -> (blocksInUse: Int, rowStates: Int) {
        await withCheckedContinuation { continuation in
            thread.perform { scheduler in
                continuation.resume(returning: (scheduler.pool.blocksInUse, scheduler.model.states.used))
            }
        }
    }
}
