import Ouro
import Synchronization

/// Records the counts and times of one request while it runs.
final class RequestRecord: Sendable {
    private struct State {
        var usage = Usage()
        var began: ContinuousClock.Instant?
        var firstToken: ContinuousClock.Instant?
        var lastToken: ContinuousClock.Instant?
        var lastTokens: [Int: ContinuousClock.Instant] = [:]
        var endedSamples = 0
        var isFinished = false
    }

    private let metrics: ServerMetrics
    private let log: RequestLog
    private let arrival = ContinuousClock.now
    private let samples: Int
    private let state: Mutex<State>

    init(metrics: ServerMetrics, log: RequestLog, prompts: [[Int]], samples: Int) {
        (self.metrics, self.log, self.samples) = (metrics, log, samples)
        var usage = Usage()
        usage.promptTokens = prompts.reduce(0) { $0 + $1.count }
        state = Mutex(State(usage: usage))
        log.began(promptTokens: usage.promptTokens)
    }

    deinit {
        let state = state.withLock { $0 }
        if !state.isFinished { metrics.aborted(samples: max(samples, 1) - state.endedSamples) }
    }

    var usage: Usage { state.withLock { $0.usage } }

    /// A sample has got its place.
    func began() {
        let now = ContinuousClock.now
        let promptTokens: Int? = state.withLock { state in
            guard state.began == nil else { return nil }
            state.began = now
            return state.usage.promptTokens
        }
        if let promptTokens { metrics.began(promptTokens: promptTokens, queued: now - arrival) }
    }

    func add(_ token: GeneratedToken, choice: Int) {
        let now = ContinuousClock.now
        let before = state.withLock { state in
            state.usage.add(token)
            state.firstToken = state.firstToken ?? now
            state.lastToken = now
            if token.finishReason != nil { state.endedSamples += 1 }
            return state.lastTokens.updateValue(now, forKey: choice)
        }
        log.token()
        metrics.token(exitLoop: token.exitLoop, after: now - (before ?? arrival), isFirst: before == nil)
        if let reason = token.finishReason { metrics.choiceEnded(reason: reason.rawValue, token.statistics) }
    }

    /// The request is complete. A request that is not finished counts as aborted.
    func finish() {
        let state = state.withLock { state in
            state.isFinished = true
            return state
        }
        let began = state.began ?? arrival
        let first = state.firstToken ?? began
        metrics.finished(
            promptTokens: state.usage.promptTokens, generationTokens: state.usage.completionTokens,
            took: ContinuousClock.now - arrival, prefill: first - began, decode: (state.lastToken ?? first) - first)
    }
}
