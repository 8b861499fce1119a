import Foundation
import Ouro
import Synchronization

/// Counts and times for `GET /metrics`, in Prometheus' text format.
///
/// The names are those of other inference servers, with the prefix `ouro_`.
final class ServerMetrics: Sendable {
    private struct State {
        var promptTokens = 0
        var generationTokens = 0
        var reasons: [String: Int] = [:]
        var exitLoops: [Int] = []
        var guesses: [Int] = []
        var rightGuesses: [Int] = []
        var responses: [String: Int] = [:]
        var firstToken = Histogram([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60])
        var betweenTokens = Histogram([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5])
        var whole = Histogram([0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300])
        var queued = Histogram([0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60])
        var prefill = Histogram([0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120])
        var decode = Histogram([0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300])
        var promptSizes = Histogram(State.tokenBounds)
        var answerSizes = Histogram(State.tokenBounds)

        private static let tokenBounds: [Double] = [
            1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000,
        ]
    }

    private let modelName: String
    private let state = Mutex(State())
    private let started = Date().timeIntervalSince1970

    init(modelName: String) { self.modelName = modelName }

    func began(promptTokens: Int, queued: Duration) {
        state.withLock {
            $0.promptTokens += promptTokens
            $0.queued.add(queued / .seconds(1))
        }
    }

    func token(exitLoop: Int, after time: Duration, isFirst: Bool) {
        state.withLock { state in
            state.generationTokens += 1
            if state.exitLoops.count < exitLoop {
                state.exitLoops += Array(repeating: 0, count: exitLoop - state.exitLoops.count)
            }
            state.exitLoops[exitLoop - 1] += 1
            if isFirst { state.firstToken.add(time / .seconds(1)) } else { state.betweenTokens.add(time / .seconds(1)) }
        }
    }

    func choiceEnded(reason: String, _ statistics: GenerationStatistics?) {
        state.withLock {
            $0.reasons[reason, default: 0] += 1
            Self.add(statistics?.guesses ?? [], to: &$0.guesses)
            Self.add(statistics?.rightGuesses ?? [], to: &$0.rightGuesses)
        }
    }

    private static func add(_ counts: [Int], to sums: inout [Int]) {
        if sums.count < counts.count { sums += Array(repeating: 0, count: counts.count - sums.count) }
        for (index, count) in counts.enumerated() { sums[index] += count }
    }

    /// A request is complete.
    ///
    /// - Parameters:
    ///   - prefill: the time from its first place to its first token.
    ///   - decode: the time from its first token to its last.
    func finished(promptTokens: Int, generationTokens: Int, took: Duration, prefill: Duration, decode: Duration) {
        state.withLock {
            $0.whole.add(took / .seconds(1))
            $0.prefill.add(prefill / .seconds(1))
            $0.decode.add(decode / .seconds(1))
            $0.promptSizes.add(Double(promptTokens))
            $0.answerSizes.add(Double(generationTokens))
        }
    }

    /// A request ended before its answer was complete.
    func aborted(samples: Int) {
        state.withLock { $0.reasons["abort", default: 0] += samples }
    }

    func responded(path: String, status: Int) {
        state.withLock { $0.responses["path=\"\(path)\",status=\"\(status)\"", default: 0] += 1 }
    }

    /// The whole page.
    func text(_ engine: EngineLoad, running: Int, waiting: Int) -> String {
        let state = state.withLock { $0 }
        var page = MetricsText(modelName: modelName)
        page.gauge("num_requests_running", "Running generations", Double(running))
        page.gauge("num_requests_waiting", "Waiting generations", Double(waiting + engine.waitingRequests))
        let size = Double(max(engine.cacheBytes, 1))
        page.gauge("kv_cache_usage_perc", "Fraction of the cache that is in use", Double(engine.cacheBytesInUse) / size)
        page.gauge(
            "kv_cache_bytes", "Size of the cache in bytes",
            [
                ("state=\"used\"", Double(engine.cacheBytesInUse)),
                ("state=\"shared\"", Double(engine.cacheBytesCached)),
                ("state=\"capacity\"", Double(engine.cacheBytes)),
            ])
        page.counter(
            "prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache", [("", engine.prefixQueries)])
        page.counter(
            "prefix_cache_hits_total", "Prompt tokens found in the prefix cache",
            [("", engine.prefixHits)])
        page.counter("num_preemptions_total", "Preempted requests", [("", engine.preemptions)])
        page.counter("prompt_tokens_total", "Prompt tokens", [("", state.promptTokens)])
        page.counter("generation_tokens_total", "Generated tokens", [("", state.generationTokens)])
        page.counter(
            "request_success_total", "Answers by finish reason",
            state.reasons.sorted { $0.key < $1.key }.map { ("finished_reason=\"\($0.key)\"", $0.value) })
        page.counter(
            "http_responses_total", "Responses by path and status",
            state.responses.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        page.counter("passes_total", "Passes of the layer stack", [("", engine.passes)])
        page.counter(
            "rows_total", "Rows of passes by kind",
            [
                ("kind=\"prefill\"", engine.rows.prefill), ("kind=\"decode\"", engine.rows.decode),
                ("kind=\"draft\"", engine.rows.draft), ("kind=\"filler\"", engine.rows.filler),
                ("kind=\"dropped\"", engine.rows.dropped),
            ])
        page.counter("exit_loop_total", "Tokens by exit loop", Self.byLoop(state.exitLoops))
        page.counter("guesses_total", "Guesses at the next token after each loop", Self.byLoop(state.guesses))
        page.counter("guesses_accepted_total", "Accepted guesses after each loop", Self.byLoop(state.rightGuesses))
        page.histogram("time_to_first_token_seconds", "Time from a request to its first token", state.firstToken)
        page.histogram("inter_token_latency_seconds", "Time between two tokens", state.betweenTokens)
        page.histogram("e2e_request_latency_seconds", "Time from a request to its end", state.whole)
        page.histogram("request_queue_time_seconds", "Time that a request waits in the queue", state.queued)
        page.histogram("request_prefill_time_seconds", "Time from a place to the first token", state.prefill)
        page.histogram("request_decode_time_seconds", "Time from the first token to the last", state.decode)
        page.histogram("request_prompt_tokens", "Prompt tokens of a request", state.promptSizes)
        page.histogram("request_generation_tokens", "Generated tokens of a request", state.answerSizes)
        page.gauge("build_info", "Version of the server", [("version=\"\(PackageVersion.current)\"", 1)])
        let machine = Machine.current
        page.process(
            "resident_memory_bytes", "Memory that the process occupies", "gauge", Double(machine.residentMemory))
        page.process("cpu_seconds_total", "Processor time of the process", "counter", Machine.processorTime)
        page.process("start_time_seconds", "Start of the server in seconds since 1970", "gauge", started)
        return page.text
    }

    private static func byLoop(_ counts: [Int]) -> [(String, Int)] {
        counts.enumerated().map { ("loop=\"\($0.offset + 1)\"", $0.element) }
    }
}
