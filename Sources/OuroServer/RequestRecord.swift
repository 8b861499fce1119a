import Ouro
import Synchronization

/// Records the counts and times of one request while it runs.
final class RequestRecord: Sendable {
    private struct State {
        var usage = Usage()
        var lastToken: [Int: ContinuousClock.Instant] = [:]
        var isFinished = false
    }

    private let metrics: ServerMetrics
    private let arrival: ContinuousClock.Instant
    private let state: Mutex<State>

    init(metrics: ServerMetrics, arrival: ContinuousClock.Instant, prompts: [[Int]]) {
        self.metrics = metrics
        self.arrival = arrival
        var usage = Usage()
        usage.promptTokens = prompts.reduce(0) { $0 + $1.count }
        state = Mutex(State(usage: usage))
        metrics.began(promptTokens: usage.promptTokens, queued: ContinuousClock.now - arrival)
    }

    deinit {
        if !state.withLock({ $0.isFinished }) { metrics.ended(reason: "abort", took: ContinuousClock.now - arrival) }
    }

    var usage: Usage { state.withLock { $0.usage } }

    func add(_ token: GeneratedToken, choice: Int) {
        let now = ContinuousClock.now
        let before = state.withLock { state in
            state.usage.add(token)
            return state.lastToken.updateValue(now, forKey: choice)
        }
        metrics.token(exitLoop: token.exitLoop, after: now - (before ?? arrival), isFirst: before == nil)
        if let reason = token.finishReason { metrics.choiceEnded(reason: reason.rawValue, token.statistics) }
    }

    func finish() {
        state.withLock { $0.isFinished = true }
        metrics.ended(reason: nil, took: ContinuousClock.now - arrival)
    }
}
