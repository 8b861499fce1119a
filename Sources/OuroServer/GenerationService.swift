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
    let constraints: ConstraintCompiler?
    /// Nil for a model without a tokenizer.
    let calls: CallCompiler?

    init(engine: Engine, modelName: String, options: ServerOptions) {
        self.engine = engine
        self.modelName = modelName
        self.options = options
        admission = Admission(limit: options.maxRunning, queueLimit: options.maxQueued)
        metrics = ServerMetrics(modelName: modelName)
        let constraints = try? ConstraintCompiler(for: engine)
        self.constraints = constraints
        calls = engine.tokenizer.flatMap { tokenizer in
            constraints.map {
                CallCompiler(
                    tokenizer: tokenizer, vocabularySize: engine.configuration.vocabularySize, constraints: $0)
            }
        }
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

    /// Compiles a response format. Nil for a format that allows any text.
    ///
    /// - Parameters:
    ///   - place: the field of the request, and the place of the schema in it, for errors.
    /// - Throws: `APIError` with status 400 if the schema is invalid, or the model has no tokenizer.
    func compiled(
        _ format: ResponseFormat, at place: (field: String, place: String)?
    ) throws -> CompiledGrammar? {
        guard format != .text else { return nil }
        let (field, place) = place ?? ("response_format", "response_format.json_schema.schema")
        guard let constraints else { throw APIError.badRequest(field, "\(field): the model has no tokenizer") }
        do throws(OuroError) {
            switch format {
            case .text: return nil
            case .json(let schema): return try constraints.compile(schema)
            case .choice(let texts): return try constraints.compile(choices: texts)
            case .regex(let text): return try constraints.compile(regex: text)
            case .grammar(let text): return try constraints.compile(gbnf: text)
            }
        } catch {
            let inner = (error.field ?? "").trimmingPrefix("schema")
            throw APIError.badRequest(field, "\(place)\(inner): \(error.message)")
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
        return ServerSentEvents.response(to: connection, framing: output.framing) { send in
            defer { ticket.leave() }
            try await self.bounded(connection) {
                let started = Mutex(Set<Int>())
                for chunk in output.opening() { try await send(chunk) }
                try await self.generate(choices, ticket, record) { index, token in
                    let isFirst = started.withLock { $0.insert(index).inserted }
                    for chunk in output.chunks(index, token, isFirst: isFirst) { try await send(chunk) }
                }
                record.finish()
                for chunk in output.closing(record.usage) { try await send(chunk) }
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
