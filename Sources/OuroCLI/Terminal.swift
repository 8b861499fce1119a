import Foundation
import Ouro

/// Writing to a person: text at once, colours only where they are seen.
enum Terminal {
    static let showsColour =
        isatty(STDOUT_FILENO) != 0 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
    static func writeError(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) != 0 }

    /// The published vocabulary has no token for 21 bytes, which the reference drops without a word.
    static func warnAboutDroppedBytes(in text: String, tokenizer: Tokenizer?) {
        guard let tokenizer, !tokenizer.missingBytes.isEmpty else { return }
        let dropped = Set(text.utf8).intersection(tokenizer.missingBytes)
        guard !dropped.isEmpty else { return }
        let list = dropped.sorted().map { "0x" + String($0, radix: 16) }.joined(separator: " ")
        writeError("note: the vocabulary has no token for the bytes \(list); they are dropped\n")
    }
}

/// Colours tokens by the loop they left at: green for the first loop over yellow to red for the last.
struct DepthColours {
    let loops: Int
    private static let ramp = [42, 112, 220, 208, 203, 161]

    private func colour(_ loop: Int) -> Int {
        guard loops > 1 else { return Self.ramp[0] }
        let index = (loop - 1) * (Self.ramp.count - 1) / (loops - 1)
        return Self.ramp[min(max(index, 0), Self.ramp.count - 1)]
    }

    func paint(_ text: String, loop: Int) -> String {
        guard Terminal.showsColour, !text.isEmpty else { return text }
        // Colour line by line: a newline inside a colour paints the rest of the line in some terminals.
        return text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "" : "\u{1B}[38;5;\(colour(loop))m\($0)\u{1B}[0m" }.joined(separator: "\n")
    }

    var legend: String { "loops: " + (1...loops).map { paint("\($0)", loop: $0) }.joined(separator: " ") }
}

/// What a generation amounted to.
struct GenerationSummary {
    let promptTokens: Int
    private(set) var tokens = 0
    private(set) var passes = 0
    private(set) var exitLoops = 0
    private(set) var finishReason: FinishReason?
    private(set) var statistics: GenerationStatistics?

    init(promptTokens: Int) { self.promptTokens = promptTokens }

    mutating func add(_ token: GeneratedToken) {
        tokens += 1
        passes = token.passes
        exitLoops += token.exitLoop
        finishReason = token.finishReason
        statistics = token.statistics
    }

    /// Generated tokens per second after the first one; with a single token, of the whole request.
    var tokensPerSecond: Double {
        guard let statistics else { return 0 }
        let (count, duration) =
            tokens > 1
            ? (tokens - 1, statistics.timeAfterFirstToken) : (tokens, statistics.timeToFirstToken)
        return Double(count) / max(duration / .seconds(1), 1e-9)
    }

    var meanLoops: Double { tokens == 0 ? 0 : Double(exitLoops) / Double(tokens) }

    var line: String {
        func rounded(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
        let perToken = tokens == 0 ? 0 : Double(passes) / Double(tokens)
        return "\(tokens) tokens, \(rounded(tokensPerSecond, 1)) tokens/s, \(rounded(meanLoops, 2)) mean loops, "
            + "\(rounded(perToken, 2)) passes per token, stopped by \(finishReason?.rawValue ?? "the user")"
    }

    var json: JSONOutput {
        JSONOutput.object([
            "summary": .object([
                "prompt_tokens": .int(promptTokens),
                "cached_tokens": .int(statistics?.cachedPromptTokens ?? 0), "tokens": .int(tokens),
                "tokens_per_second": .double(tokensPerSecond), "mean_loops": .double(meanLoops),
                "passes": .int(passes), "finish_reason": finishReason.map { .string($0.rawValue) } ?? .null,
                "kv_bytes": .int(statistics?.cacheBytes ?? 0), "rows": statistics.map(Self.rows) ?? .null,
                "acceptance": statistics.map { .array($0.acceptance.map { $0.map { .double($0) } ?? .null }) } ?? .null,
            ])
        ])
    }

    private static func rows(_ statistics: GenerationStatistics) -> JSONOutput {
        .object([
            "prefill": .int(statistics.rows.prefill), "decode": .int(statistics.rows.decode),
            "draft": .int(statistics.rows.draft), "filler": .int(statistics.rows.filler),
            "dropped": .int(statistics.rows.dropped),
        ])
    }
}
