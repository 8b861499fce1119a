import Foundation
import Ouro

/// The counts and the speed of one generation.
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

    /// Generated tokens per second, measured after the first token. A single token counts the whole request.
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
