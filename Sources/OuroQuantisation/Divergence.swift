import Foundation
import Ouro

/// The difference between the predictions of two models, for each loop. It measures the cost of quantisation, of a KV
/// type or of a KV policy.
public struct Divergence: Sendable, Equatable {
    /// The comparison after one loop.
    public struct Loop: Sendable, Equatable {
        /// The loop, from 1.
        public let loop: Int
        /// Mean over positions of KL(reference || model), in nats.
        public let divergence: Double
        /// Fraction of positions at which both models have the same most likely next token.
        public let agreement: Double
        /// Perplexity of the model: exp of the mean negative log-probability of the text's tokens.
        public let perplexity: Double
        /// Perplexity of the reference.
        public let referencePerplexity: Double
    }

    /// Number of positions compared.
    public let positions: Int
    /// One comparison for each loop.
    public let loops: [Loop]

    /// A model to compare, and how it stores its keys and values.
    public struct Subject: Sendable, Equatable {
        /// The model folder.
        public var folder: URL
        /// Element type of keys and values; nil for the engine's default.
        public var kvType: KVType?
        /// Which keys and values are kept.
        public var kvPolicy: KVPolicy

        /// Makes a subject.
        ///
        /// - Parameters:
        ///   - folder: the model folder.
        ///   - kvType: element type of keys and values; nil for the engine's default.
        ///   - kvPolicy: which keys and values are kept.
        public init(folder: URL, kvType: KVType? = nil, kvPolicy: KVPolicy = .full) {
            self.kvPolicy = kvPolicy
            self.folder = folder
            self.kvType = kvType
        }
    }

    /// Runs both models on a text and compares their distributions at every position and loop.
    ///
    /// This takes long and blocks the caller, so call it from its own thread or task. If both folders are the same, the
    /// model is loaded once.
    ///
    /// - Parameters:
    ///   - subject: the model to measure.
    ///   - reference: the model to compare with.
    ///   - tokens: the text, in the vocabulary of both models.
    ///   - tokenLimit: the largest number of tokens that are used. A longer text is sampled evenly.
    ///   - windowLength: the text is split into windows of so many tokens. Each window is independent of the others.
    ///   - promptLength: tokens at the beginning of a window that are not compared. They run with full keys and values.
    ///     A policy other than `full` applies to the tokens after them, which run one by one. It must be smaller than
    ///     `windowLength`. By default it is half of the window with such a policy, otherwise 0.
    ///   - threads: the number of threads; nil for one per physical core.
    ///   - progress: called with the fraction done, 0 to 1.
    /// - Throws: `OuroError` if a folder is invalid, if the models differ in their vocabulary size or number of loops,
    ///   or if a token is not in the vocabulary. `CancellationError` if the task is cancelled.
    public static func measure(
        _ subject: Subject, against reference: Subject, tokens: [Int], tokenLimit: Int = 8192, windowLength: Int = 512,
        promptLength: Int? = nil, threads: Int? = nil, progress: (Double) -> Void = { _ in }
    ) throws -> Divergence {
        let kernels = try Kernels.select()
        let pool = WorkerPool(threadCount: threads ?? Machine.current.coreCount)
        let base = try LoadedModel(folder: reference.folder, kernels: kernels, pool: pool)
        let isSame = subject.folder.standardizedFileURL == reference.folder.standardizedFileURL
        let other = isSame ? base : try LoadedModel(folder: subject.folder, kernels: kernels, pool: pool)
        try check(other.configuration, against: base.configuration, file: subject.folder.path)
        try QuantisationOptions.check(tokens, vocabularySize: base.configuration.vocabularySize, field: "text")
        let length = min(windowLength, base.configuration.contextLength, other.configuration.contextLength)
        var windows = TextWindows.split(tokens, length: length, limit: tokenLimit)
        let hasPrompt = subject.kvPolicy != .full || reference.kvPolicy != .full
        if let promptLength, !(1..<max(length, 2)).contains(promptLength) {
            throw OuroError(
                .invalidRequest, field: "prompt_length",
                "expected 1 to \(max(length - 1, 1)), fewer than a window's tokens, found \(promptLength)")
        }
        func prompt(_ window: [Int]) -> Int { promptLength ?? (hasPrompt ? window.count / 2 : 0) }
        if hasPrompt || promptLength != nil { windows.removeAll { $0.count < 2 || $0.count <= prompt($0) } }
        guard !windows.isEmpty else {
            throw OuroError(
                .invalidRequest, field: "text",
                "expected more than the \(promptLength ?? 1) tokens of the prompt, found \(tokens.count)")
        }
        let first = base.runner(kvType: reference.kvType, kvPolicy: reference.kvPolicy, windowLength: length)
        let second = other.runner(kvType: subject.kvType, kvPolicy: subject.kvPolicy, windowLength: length)
        var sums = (1...first.loops).map { _ in Sums() }
        for (index, window) in windows.enumerated() {
            try Task.checkCancellation()
            let (a, b) = (
                try first.begin(window, prompt: prompt(window)), try second.begin(window, prompt: prompt(window))
            )
            for loop in 1...first.loops {
                try first.runLoop(loop, of: a)
                try second.runLoop(loop, of: b)
                try compare(first, a, second, b, from: prompt(window), into: &sums[loop - 1])
            }
            progress(Double(index + 1) / Double(windows.count))
        }
        return Divergence(
            positions: sums[0].positions, loops: sums.enumerated().map { $1.result(loop: $0 + 1) })
    }

    private static func check(
        _ model: ModelConfiguration, against reference: ModelConfiguration, file: String
    ) throws(OuroError) {
        for (field, found, expected) in [
            ("vocab_size", model.vocabularySize, reference.vocabularySize),
            ("total_ut_steps", model.loops, reference.loops),
        ] where found != expected {
            throw OuroError(
                .invalidRequest, file: file, field: field, "expected \(expected), as in the reference, found \(found)")
        }
    }

    private struct Sums {
        var positions = 0
        var scored = 0
        var divergence = 0.0
        var agreement = 0
        var logProbability = 0.0
        var referenceLogProbability = 0.0

        func result(loop: Int) -> Loop {
            Loop(
                loop: loop, divergence: divergence / Double(max(positions, 1)),
                agreement: Double(agreement) / Double(max(positions, 1)),
                perplexity: exp(-logProbability / Double(max(scored, 1))),
                referencePerplexity: exp(-referenceLogProbability / Double(max(scored, 1))))
        }
    }

    /// The comparison at one position.
    private struct Finding {
        var divergence = 0.0
        var agrees = false
        var logProbability: Float = 0
        var referenceLogProbability: Float = 0
    }

    private static func compare(
        _ first: WindowRunner, _ a: WindowRunner.Window, _ second: WindowRunner, _ b: WindowRunner.Window,
        from start: Int, into sums: inout Sums
    ) throws(OuroError) {
        let tokens = a.tokens
        for start in stride(from: start, to: tokens.count, by: LoopedTransformer.readoutBatch) {
            let batch = start..<min(start + LoopedTransformer.readoutBatch, tokens.count)
            let reference = first.device.logits(of: a.slots[batch])
            let found = second.device.logits(of: b.slots[batch])
            let kernels = first.device.transformer.kernels
            for index in 0..<batch.count {
                let position = start + index
                let next = position + 1 < tokens.count ? tokens[position + 1] : nil
                let finding = try compare(
                    reference.row(index), found.row(index), count: reference.columns, next: next,
                    position: position, kernels: kernels)
                sums.positions += 1
                sums.divergence += finding.divergence
                sums.agreement += finding.agrees ? 1 : 0
                guard next != nil else { continue }
                sums.scored += 1
                sums.logProbability += Double(finding.logProbability)
                sums.referenceLogProbability += Double(finding.referenceLogProbability)
            }
        }
    }

    private static func compare(
        _ reference: UnsafePointer<Float>, _ found: UnsafePointer<Float>, count: Int, next: Int?, position: Int,
        kernels: Kernels
    ) throws(OuroError) -> Finding {
        let best = (kernels.table.argmax(reference, count), kernels.table.argmax(found, count))
        guard best.0 >= 0, best.1 >= 0 else {
            throw .notFinite(position: position)
        }
        let normaliser = kernels.table.log_sum_exp(reference, count)
        let shift = kernels.table.log_sum_exp(found, count) - normaliser
        var finding = Finding(agrees: best.0 == best.1)
        for index in 0..<count {
            let probability = exp(reference[index] - normaliser)
            finding.divergence += Double(probability * (reference[index] - found[index] + shift))
        }
        if let next {
            finding.referenceLogProbability = reference[next] - normaliser
            finding.logProbability = found[next] - normaliser - shift
        }
        return finding
    }
}
