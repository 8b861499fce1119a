import Foundation
import Ouro
import OuroConstraints
import Synchronization

/// The shared state of all endpoints: the engine, its limits and metrics. It turns requests into responses.
final class GenerationService: Sendable {
    /// The number of tokens of one sample that may wait for the client to read. Then the sample pauses.
    static let backlog = 256

    let engine: Engine
    let modelName: String
    let options: ServerOptions
    let admission: Admission
    let metrics: ServerMetrics
    let memory = MemoryTrimmer()
    /// Set at shutdown. Running requests may finish, and new ones are refused.
    let isDraining = AtomicFlag()
    /// Set when the time for running requests at shutdown is over.
    let isCutOff = Watched(false)
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

    /// Converts a prompt to tokens.
    ///
    /// - Throws: `APIError` with status 400.
    func tokens(of prompt: Prompt) throws -> [Int] {
        do throws(OuroError) {
            return try engine.tokens(of: prompt)
        } catch {
            throw APIError(error)
        }
    }

    /// Makes the constraint of a response format. Nil for a format that allows any text. Every choice needs its own.
    ///
    /// - Throws: `APIError` with status 400 if the schema is invalid, or the model has no tokenizer.
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

    /// Waits for places, runs the choices, and returns a whole response or a stream.
    func run(
        for connection: Connection, call: SamplingFields, prompts: [[Int]], choices: [Choice],
        output: any ResponseFormatter
    ) async throws -> Response {
        guard !isDraining.isSet else { throw APIError.draining }
        // A refused request gets a status. A request in the queue waits inside its stream.
        let ticket = try admission.enter(samples: max(choices.count, 1))
        let record = RequestRecord(
            metrics: metrics, log: connection.log, prompts: prompts, samples: choices.count)
        guard call.streams else {
            defer { ticket.leave() }
            return try await bounded(connection) {
                let results = Mutex([ChoiceResult](repeating: ChoiceResult(), count: choices.count))
                try await self.generate(choices, ticket, record) { index, token in
                    results.withLock {
                        $0[index].text += token.text
                        $0[index].tokens.append(token)
                    }
                }
                record.finish()
                return Response.json(try await output.whole(results.withLock { $0 }, usage: record.usage))
            }
        }
        return ServerSentEvents.response(to: connection) { send in
            defer { ticket.leave() }
            try await self.bounded(connection) {
                let started = Mutex(Set<Int>())
                try await self.generate(choices, ticket, record) { index, token in
                    let isFirst = started.withLock { $0.insert(index).inserted }
                    if let chunk = output.chunk(index, token, isFirst: isFirst) { try await send(chunk) }
                }
                record.finish()
                if call.includesUsage { try await send(output.usageChunk(record.usage)) }
            }
        }
    }

    /// Runs `body` until the time limit of a request, or the end of the server.
    ///
    /// - Throws: any error of `body`, or an `APIError` that tells the client why its request ended.
    private func bounded<Value: Sendable>(
        _ connection: Connection, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let failure = APIError.tookTooLong(seconds: options.requestSeconds)
        return try await connection.limiting(seconds: options.requestSeconds, failure) {
            try await firstOf(body) {
                await self.isCutOff.wait()
                try Task.checkCancellation()
                throw APIError.cutOff
            }
        }
    }

    /// Runs every choice as soon as it has a place, and passes its tokens to `receive`. A choice pauses while `receive` is
    /// slow. The first error ends all choices.
    private func generate(
        _ choices: [Choice], _ ticket: Admission.Ticket, _ record: RequestRecord,
        receive: @escaping @Sendable (Int, GeneratedToken) async throws -> Void
    ) async throws {
        guard !choices.isEmpty else {
            try await ticket.place()
            return record.began()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for choice in choices {
                group.addTask { [engine] in
                    try await ticket.place()
                    record.began()
                    var isWhole = false
                    for try await token in engine.generate(choice.request, backlog: Self.backlog) {
                        record.add(token, choice: choice.index)
                        isWhole = token.finishReason != nil
                        try await receive(choice.index, token)
                    }
                    // The tokens of a cancelled generation end without an error.
                    guard isWhole else { throw CancellationError() }
                    ticket.free()
                }
            }
            while try await group.next() != nil {}
        }
    }
}
