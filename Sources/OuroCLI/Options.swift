import ArgumentParser
import Foundation
import Ouro

/// Which model, and what it may use of the machine.
struct ModelOptions: ParsableArguments {
    @OptionGroup var choice: ModelChoice

    @Option(
        help: ArgumentHelp(
            "Hardware that runs the model. auto takes the best device of this machine.", valueName: "auto|cpu"))
    var device = Device.auto

    @Option(parsing: .unconditional, help: "Threads that share the work (default: one per physical core).")
    var threads: Int?

    @Option(help: "Positions of a prompt that run together.")
    var prefillChunk = 256

    @Option(
        help: ArgumentHelp(
            "Memory for keys and values, as in 512MiB or 8GiB (default: 70 % of what is free).", valueName: "size"))
    var kvMemory: ByteCount?

    @Option(help: "Begin with what earlier requests left in the cache. Changes speed, never output.")
    var prefixCache = Toggle.on

    @Option(
        help: ArgumentHelp(
            "How keys and values are stored (default: bf16, q8 with quantised weights; f32 for a model whose whole "
                + "context takes at most 1 GiB).",
            valueName: "f32|bf16|q8"))
    var kvType: KVType?

    @Option(
        help: ArgumentHelp(
            "Folder of a LoRA adapter in PEFT's format, merged as the model is loaded.", valueName: "dir"))
    var adapter: String?

    @Option(
        help: ArgumentHelp(
            "What is kept of keys and values after the prompt: all, one loop's or the mean for all loops (exits then cost "
                + "nothing more), or all in few bits. All but full change the output and do without the wavefront.",
            valueName: "full|last-loop|averaged|compressed"))
    var kvPolicy = KVPolicy.full

    @Flag(name: .customLong("no-mmap"), help: "Read the weights into memory instead of mapping the files.")
    var noMap = false

    func validate() throws {
        try checkThreads(threads)
        if prefillChunk < 1 { throw ValidationError("--prefill-chunk: expected at least 1, found \(prefillChunk)") }
    }

    func load() async throws -> Engine {
        try Engine(
            modelAt: await choice.folder(),
            options: EngineOptions(
                threads: threads, cacheMemory: kvMemory?.bytes, prefillChunk: prefillChunk, mapsFiles: !noMap,
                kvType: kvType, sharesPrefixes: prefixCache == .on, kvPolicy: kvPolicy,
                adapter: adapter.map { URL(fileURLWithPath: $0) }, device: device)
        )
    }
}

/// - Throws: `ValidationError` for a number of threads that no engine takes.
func checkThreads(_ threads: Int?) throws {
    guard let threads, !RequestLimits.threads.contains(threads) else { return }
    throw ValidationError(
        "--threads: expected \(RequestLimits.threads.lowerBound) to \(RequestLimits.threads.upperBound), found \(threads)"
    )
}

/// How many loops, and when a token may leave.
struct DepthOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "Loops per token (default: the model's own, 4 in Ouro).")
    var loops: Int?

    @Option(
        parsing: .unconditional,
        help: "A token leaves when its exit probability so far reaches this; from 1 on after all loops.")
    var exitThreshold: Float?

    @Option(parsing: .unconditional, help: ArgumentHelp("Every token leaves after this loop.", valueName: "loop"))
    var exitAt: Int?

    @Option(
        parsing: .unconditional,
        help: "A token leaves when a loop changes its hidden state by less than this, relative to its norm.")
    var exitChange: Float?

    @Flag(help: "Average the logits of all loops by their exit probabilities.")
    var exitWeighted = false

    func validate() throws {
        let given = [exitThreshold != nil, exitAt != nil, exitChange != nil, exitWeighted].filter { $0 }
        if given.count > 1 {
            throw ValidationError(
                "--exit-threshold, --exit-at, --exit-change and --exit-weighted exclude each other; give one of them")
        }
        if let loops, loops < 1 { throw ValidationError("--loops: expected at least 1, found \(loops)") }
        if let exitAt, exitAt < 1 { throw ValidationError("--exit-at: loops count from 1, found \(exitAt)") }
    }

    /// Nil leaves the choice to the model's configuration.
    var policy: ExitPolicy? {
        if let exitAt { return .fixed(loop: exitAt) }
        if let exitThreshold { return .threshold(exitThreshold) }
        if let exitChange { return .hiddenChange(below: exitChange) }
        return exitWeighted ? .weighted : nil
    }
}

/// How tokens are chosen. What is not given comes from the model's `generation_config.json`.
struct SamplingOptions: ParsableArguments {
    @Option(name: [.customShort("n"), .long], parsing: .unconditional, help: "Tokens to generate at most.")
    var maxTokens = 256

    @Option(parsing: .unconditional, help: "0 takes the most likely token.")
    var temperature: Float?

    @Option(parsing: .unconditional, help: "Sample from this many of the most likely tokens; 0 from all.")
    var topK: Int?

    @Option(parsing: .unconditional, help: "Sample from the smallest set of tokens that has this probability.")
    var topP: Float?

    @Option(parsing: .unconditional, help: "Drop tokens less likely than this fraction of the most likely one.")
    var minP: Float?

    @Option(parsing: .unconditional, help: "Divides the logits of tokens that were already there; 1 is none.")
    var repetitionPenalty: Float?

    @Option(parsing: .unconditional, help: "Subtracted from the logits of tokens that the output contains.")
    var presencePenalty: Float?

    @Option(parsing: .unconditional, help: "Subtracted once for every time that the output contains the token.")
    var frequencyPenalty: Float?

    @Option(help: ArgumentHelp("Add to a token's logit; may be repeated.", valueName: "id=bias"))
    var logitBias: [String] = []

    @Option(help: "The same seed gives the same output (default: a random one).")
    var seed: UInt64?

    @Option(help: "Stop at this string; may be repeated.")
    var stop: [String] = []

    @Option(
        help: ArgumentHelp(
            "Run ahead on guessed tokens. Changes speed, never output (default: on with --kv-policy full, which it needs).",
            valueName: "on|off"))
    var wavefront: Toggle?

    @Option(
        parsing: .unconditional,
        help: "Tokens to propose from earlier occurrences of the last ones. Changes speed, never output.")
    var draftTokens = 0

    @Flag(help: "Go on after an end-of-text token.")
    var ignoreEos = false

    @Flag(help: "Show special tokens, such as <think>, in the text.")
    var showSpecial = false

    func validate() throws {
        if draftTokens < 0 { throw ValidationError("--draft-tokens: expected at least 0, found \(draftTokens)") }
        if maxTokens < 1 { throw ValidationError("--max-tokens: expected at least 1, found \(maxTokens)") }
        for text in logitBias where Self.bias(text) == nil {
            throw ValidationError("--logit-bias: expected TOKEN=BIAS, as in 42=-5, found '\(text)'")
        }
    }

    private static func bias(_ text: String) -> (token: Int, bias: Float)? {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let token = Int(parts[0]), let bias = Float(parts[1]) else { return nil }
        return (token, bias)
    }

    func parameters(defaults: SamplingParameters) -> SamplingParameters {
        var result = defaults
        result.temperature = temperature ?? (usesSamplingFlags && defaults.temperature == 0 ? 1 : defaults.temperature)
        result.topK = topK ?? defaults.topK
        result.topP = topP ?? defaults.topP
        result.minP = minP ?? defaults.minP
        result.repetitionPenalty = repetitionPenalty ?? defaults.repetitionPenalty
        result.presencePenalty = presencePenalty ?? 0
        result.frequencyPenalty = frequencyPenalty ?? 0
        for case let (token, bias)? in logitBias.map(Self.bias) { result.logitBias[token] = bias }
        result.seed = seed ?? .random(in: 0 ... .max)
        return result
    }

    /// Whoever gives a filter wants to sample.
    private var usesSamplingFlags: Bool { topK != nil || topP != nil || minP != nil }

    func request(_ prompt: Prompt, engine: Engine, depth: DepthOptions) -> GenerationRequest {
        GenerationRequest(
            prompt, maxTokens: maxTokens, sampling: parameters(defaults: engine.defaultSampling), exit: depth.policy,
            loops: depth.loops, stop: stop, ignoresEndOfText: ignoreEos, wavefront: wavefront.map { $0 == .on },
            draftTokens: draftTokens, showsSpecialTokens: showSpecial)
    }
}

extension KVPolicy: ExpressibleByArgument {}
extension Device: ExpressibleByArgument {}

/// A setting that is on or off.
enum Toggle: String, ExpressibleByArgument, CaseIterable {
    case on
    case off
}
