import Ouro
import Synchronization

/// Counts and times for `GET /metrics`, in Prometheus' text format.
///
/// The names are those of other inference servers, with the prefix `ouro_`.
final class ServerMetrics: Sendable {
    private struct Histogram {
        let bounds: [Double]
        var counts: [Int]
        var sum = 0.0

        init(_ bounds: [Double]) {
            self.bounds = bounds
            counts = Array(repeating: 0, count: bounds.count + 1)
        }

        mutating func add(_ value: Double) {
            counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
            sum += value
        }
    }

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
    }

    private let modelName: String
    private let state = Mutex(State())

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

    func ended(reason: String?, took: Duration) {
        state.withLock {
            if let reason { $0.reasons[reason, default: 0] += 1 }
            $0.whole.add(took / .seconds(1))
        }
    }

    func responded(path: String, status: Int) {
        state.withLock { $0.responses["path=\"\(path)\",status=\"\(status)\"", default: 0] += 1 }
    }

    /// The whole page.
    func text(_ engine: EngineLoad, running: Int, waiting: Int) -> String {
        let state = state.withLock { $0 }
        var page = Page(modelName: modelName)
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
        return page.text
    }

    private static func byLoop(_ counts: [Int]) -> [(String, Int)] {
        counts.enumerated().map { ("loop=\"\($0.offset + 1)\"", $0.element) }
    }

    private struct Page {
        let label: String
        private(set) var text = ""

        init(modelName: String) {
            let name = modelName.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: " ")
            label = "model_name=\"\(name)\""
        }

        private mutating func head(_ name: String, _ help: String, _ type: String) {
            text += "# HELP ouro_\(name) \(help).\n# TYPE ouro_\(name) \(type)\n"
        }

        private mutating func line(_ name: String, _ labels: String, _ value: String) {
            text += "ouro_\(name){\(label)\(labels.isEmpty ? "" : ",")\(labels)} \(value)\n"
        }

        mutating func gauge(_ name: String, _ help: String, _ value: Double) { gauge(name, help, [("", value)]) }

        mutating func gauge(_ name: String, _ help: String, _ values: [(String, Double)]) {
            head(name, help, "gauge")
            for (labels, value) in values { line(name, labels, "\(value)") }
        }

        mutating func counter(_ name: String, _ help: String, _ values: [(String, Int)]) {
            head(name, help, "counter")
            for (labels, value) in values { line(name, labels, "\(value)") }
        }

        mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
            head(name, help, "histogram")
            var total = 0
            for (bound, count) in zip(histogram.bounds + [.infinity], histogram.counts) {
                total += count
                line("\(name)_bucket", "le=\"\(bound == .infinity ? "+Inf" : "\(bound)")\"", "\(total)")
            }
            line("\(name)_sum", "", "\(histogram.sum)")
            line("\(name)_count", "", "\(total)")
        }
    }
}
