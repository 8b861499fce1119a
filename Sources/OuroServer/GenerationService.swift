import Foundation
import Hummingbird
import Ouro
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
    private let trie: Mutex<TokenTrie?> = Mutex(nil)

    init(engine: Engine, modelName: String, options: ServerOptions) {
        self.engine = engine
        self.modelName = modelName
        self.options = options
        admission = Admission(limit: options.maxRunning, queueLimit: options.maxQueued)
        metrics = ServerMetrics(modelName: modelName)
    }

    /// - Throws: ``APIError`` with status 400.
    func tokens(of prompt: GenerationRequest.Prompt) throws -> [Int] {
        do throws(OuroError) {
            return try engine.tokens(of: prompt)
        } catch {
            throw APIError(error)
        }
    }

    /// What a response format allows; a new one for every choice, since it remembers where it is.
    func constraint(_ format: ResponseFormat) throws -> (any TokenConstraint)? {
        let grammar: Grammar
        switch format {
        case .text: return nil
        case .jsonObject: grammar = try JSONGrammar.anyObject()
        case .jsonSchema(let schema): grammar = try JSONGrammar.schema(schema)
        }
        guard let tokenizer = engine.tokenizer else {
            throw APIError.badRequest("response_format", "the model has no tokenizer")
        }
        let vocabulary = trie.withLock { stored in
            if let stored { return stored }
            let new = TokenTrie(tokenizer, size: engine.configuration.vocabularySize)
            stored = new
            return new
        }
        return GrammarConstraint(grammar, vocabulary: vocabulary, endTokens: engine.endOfTextTokens)
    }

    /// Runs choices when there is room for them, and answers whole or in parts.
    func run(
        _ request: Request, call: SamplingFields, prompts: [[Int]], choices: [Choice], output: any ResponseFormatter
    ) async throws -> Response {
        let places = max(choices.count, 1)
        let arrival = ContinuousClock.now
        guard call.streams else {
            return try await request.body.consumeWithCancellationOnInboundClose { _ in
                try await self.withTimeout {
                    try await self.admission.withPlaces(places) {
                        let record = RequestRecord(metrics: self.metrics, arrival: arrival, prompts: prompts)
                        let results = try await self.collect(choices, record)
                        let answer = try await output.whole(results, usage: record.usage)
                        return Response.json(answer)
                    }
                }
            }
        }
        // What is refused at once is refused with its status; whoever has a place streams.
        let held = try await holdPlaces(places)
        return ServerSentEvents.response(request) { send in
            defer { held.release() }
            try await self.withTimeout {
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

    /// Places that are held across the beginning of a streamed response.
    private final class HeldPlaces: Sendable {
        private let done: AsyncStream<Void>.Continuation
        init(_ done: AsyncStream<Void>.Continuation) { self.done = done }
        deinit { done.finish() }
        func release() { done.finish() }
    }

    private func holdPlaces(_ places: Int) async throws -> HeldPlaces {
        let (until, done) = AsyncStream<Void>.makeStream()
        let (entered, enter) = AsyncThrowingStream<Void, any Error>.makeStream()
        let holder = Task { [admission] in
            do {
                try await admission.withPlaces(places) {
                    enter.yield()
                    for await _ in until {}
                }
                enter.finish()
            } catch {
                enter.finish(throwing: error)
            }
        }
        let held = HeldPlaces(done)
        return try await withTaskCancellationHandler {
            for try await _ in entered { return held }
            throw CancellationError()
        } onCancel: {
            holder.cancel()
        }
    }

    /// - Throws: ``APIError`` with status 408 when the time is over, after what `body` did has been cancelled.
    private func withTimeout<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask { [options] in
                try await Task.sleep(for: .seconds(options.requestSeconds))
                throw APIError(
                    status: .requestTimeout, message: "the request took longer than \(options.requestSeconds) seconds",
                    code: "timeout")
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
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
