import ArgumentParser
import Foundation
import Ouro

/// The options that choose a model and limit its use of the machine.
struct ModelOptions: ParsableArguments {
    @OptionGroup var choice: ModelChoice

    @Option(
        help: ArgumentHelp(
            "The device that runs the model. auto takes the best device of this machine.", valueName: "auto|cpu"))
    var device = Device.auto

    @Option(parsing: .unconditional, help: "Threads that share the work (default: one per physical core).")
    var threads: Int?

    @Option(help: "Prompt positions per prefill chunk.")
    var prefillChunk = 256

    @Option(
        help: ArgumentHelp(
            "Memory for keys and values, as in 512MiB or 8GiB (default: 70 % of free memory).", valueName: "size"))
    var kvMemory: ByteCount?

    @Option(help: "Reuse the keys and values of equal prefixes. Changes speed, never output.")
    var prefixCache = Toggle.on

    @Option(
        help: ArgumentHelp(
            "How keys and values are stored (default: bf16; q8 with quantised weights; f32 if the whole context takes "
                + "at most 1 GiB).",
            valueName: "f32|bf16|q8"))
    var kvType: KVType?

    @Option(
        help: ArgumentHelp(
            "Folder of a LoRA adapter in PEFT's format. It is merged while the model loads.", valueName: "dir"))
    var adapter: String?

    @Option(
        help: ArgumentHelp(
            "Which keys and values are kept after the prompt: those of all loops (full), of the last loop, their mean, "
                + "or all loops with few bits. With last-loop and averaged, no rows run after an exit. Every policy "
                + "except full changes the output and turns the wavefront off.",
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

/// The number of loops, and the rule for exits.
struct DepthOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "Loops per token (default: the model's own, 4 in Ouro).")
    var loops: Int?

    @Option(
        parsing: .unconditional,
        help: "A token exits when its cumulative exit probability reaches this. With 1 or more, it runs all loops.")
    var exitThreshold: Float?

    @Option(parsing: .unconditional, help: ArgumentHelp("Every token exits after this loop.", valueName: "loop"))
    var exitAt: Int?

    @Option(
        parsing: .unconditional,
        help: "A token exits when a loop changes its hidden state by less than this, relative to the state's norm.")
    var exitChange: Float?

    @Flag(help: "Average the logits of all loops, weighted by exit probability.")
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

    /// The exit policy. With nil, the model's configuration decides.
    var policy: ExitPolicy? {
        if let exitAt { return .fixed(loop: exitAt) }
        if let exitThreshold { return .threshold(exitThreshold) }
        if let exitChange { return .hiddenChange(below: exitChange) }
        return exitWeighted ? .weighted : nil
    }
}

/// The options for sampling. Missing options come from the model's `generation_config.json`.
struct SamplingOptions: ParsableArguments {
    @Option(name: [.customShort("n"), .long], parsing: .unconditional, help: "Maximum number of tokens to generate.")
    var maxTokens = 256

    @Option(parsing: .unconditional, help: "Sampling temperature. 0 takes the most likely token.")
    var temperature: Float?

    @Option(parsing: .unconditional, help: "Sample from this many of the most likely tokens. 0 samples from all.")
    var topK: Int?

    @Option(parsing: .unconditional, help: "Sample from the smallest set of tokens whose probabilities sum to this.")
    var topP: Float?

    @Option(parsing: .unconditional, help: "Drop tokens whose probability is below this fraction of the largest one.")
    var minP: Float?

    @Option(
        parsing: .unconditional, help: "Penalise tokens of the prompt and the output by this factor. 1 has no effect.")
    var repetitionPenalty: Float?

    @Option(parsing: .unconditional, help: "Subtract this from the logits of tokens that the output contains.")
    var presencePenalty: Float?

    @Option(parsing: .unconditional, help: "Subtract this from a token's logit for each time the output contains it.")
    var frequencyPenalty: Float?

    @Option(help: ArgumentHelp("Add to a token's logit; may be repeated.", valueName: "id=bias"))
    var logitBias: [String] = []

    @Option(help: "The same seed gives the same output (default: a random seed).")
    var seed: UInt64?

    @Option(help: "Stop at this string; may be repeated.")
    var stop: [String] = []

    @Option(
        help: ArgumentHelp(
            "Start the next token on a guess. Changes speed, never output. Needs --kv-policy full (default: on with it).",
            valueName: "on|off"))
    var wavefront: Toggle?

    @Option(
        parsing: .unconditional,
        help: "Draft tokens per prompt lookup, copied from earlier text. Changes speed, never output.")
    var draftTokens = 0

    @Flag(help: "Continue after an end-of-text token.")
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

    /// A filter such as `--top-p` implies sampling, so the default temperature is then 1.
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
