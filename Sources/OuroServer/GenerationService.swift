import Foundation
import Hummingbird
import Ouro
import OuroConstraints
import Synchronization

/// Turns what was generated into an endpoint's answers.
protocol ResponseFormatter: Sendable {
    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput
    func chunk(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> JSONOutput?
    func usageChunk(_ usage: Usage) -> JSONOutput
}

/// What all endpoints that generate share: the engine, its limits, and the way from a request to its answer.
final class GenerationService: Sendable {
    let engine: Engine
    let modelName: String
    let options: ServerOptions
    let admission: Admission
    let metrics: ServerMetrics
    /// Set when the server is to end: what runs may finish, nothing new begins.
    let isDraining = DrainFlag()
    /// Nil for a model without a tokenizer.
    private let constraints: ConstraintCompiler?

    init(engine: Engine, modelName: String, options: ServerOptions) {
        self.engine = engine
        self.modelName = modelName
        self.options = options
        admission = Admission(limit: options.maxRunning, queueLimit: options.maxQueued)
        metrics = ServerMetrics(modelName: modelName)
        constraints = try? ConstraintCompiler(for: engine)
    }

    /// - Throws: ``APIError`` with status 400.
    func tokens(of prompt: Prompt) throws -> [Int] {
        do throws(OuroError) {
            return try engine.tokens(of: prompt)
        } catch {
            throw APIError(error)
        }
    }

    /// What a response format allows; nil if it allows everything. Every choice needs one of its own.
    ///
    /// - Throws: ``APIError`` with status 400 if the schema is wrong, or the model has no tokenizer.
    func constraint(_ format: ResponseFormat) throws -> (any TokenConstraint)? {
        guard case .json(let schema) = format else { return nil }
        guard let constraints else { throw APIError.badRequest("response_format", "the model has no tokenizer") }
        do throws(OuroError) {
            return try constraints.compile(schema).makeConstraint()
        } catch {
            let place = error.field ?? "schema"
            throw APIError.badRequest("response_format", "response_format.json_schema.\(place): \(error.message)")
        }
    }

    /// Runs choices when there is room for them, and answers whole or in parts.
    func run(
        for client: Client, call: SamplingFields, prompts: [[Int]], choices: [Choice],
        output: any ResponseFormatter
    ) async throws -> Response {
        guard !isDraining.isSet else {
            throw APIError(
                status: .serviceUnavailable, message: "the server is about to end", code: "draining",
                headers: [.retryAfter: "1", .connection: "close"])
        }
        let places = max(choices.count, 1)
        let arrival = ContinuousClock.now
        guard call.streams else {
            return try await client.cancelling {
                try await client.limiting(seconds: self.options.requestSeconds, self.tookTooLong) {
                    try await self.admission.withPlaces(places) {
                        let record = RequestRecord(metrics: self.metrics, arrival: arrival, prompts: prompts)
                        let results = try await self.collect(choices, record)
                        let answer = try await output.whole(results, usage: record.usage)
                        return Response.json(answer)
                    }
                }
            }
        }
        // Whoever is refused gets a status; whoever has to wait waits in the stream, where it is seen if the client leaves.
        let ticket = try admission.enter(places)
        return ServerSentEvents.response(to: client, seconds: options.requestSeconds + options.arrivalSeconds) { send in
            defer { ticket.leave() }
            try await client.limiting(seconds: self.options.requestSeconds, self.tookTooLong) {
                try await ticket.wait()
                let record = RequestRecord(metrics: self.metrics, arrival: arrival, prompts: prompts)
                let started = Mutex(Set<Int>())
                try await self.engine.generate(choices) { index, token in
                    record.add(token, choice: index)
                    let isFirst = started.withLock { $0.insert(index).inserted }
                    if let chunk = output.chunk(index, token, isFirst: isFirst) { send(chunk) }
                }
                record.finish()
                if call.includesUsage { send(output.usageChunk(record.usage)) }
            }
        }
    }

    private var tookTooLong: APIError {
        APIError(
            status: .requestTimeout, message: "the request took longer than \(options.requestSeconds) seconds",
            code: "timeout")
    }

    private func collect(_ choices: [Choice], _ record: RequestRecord) async throws -> [ChoiceResult] {
        let results = Mutex([ChoiceResult](repeating: ChoiceResult(), count: choices.count))
        try await engine.generate(choices) { index, token in
            record.add(token, choice: index)
            results.withLock {
                $0[index].text += token.text
                $0[index].tokens.append(token)
            }
        }
        record.finish()
        return results.withLock { $0 }
    }
}

/// Counts and times of one request, as it runs.
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
