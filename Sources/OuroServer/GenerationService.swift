import Foundation
import Hummingbird
import Ouro
import OuroConstraints
import Synchronization

/// The shared state of all endpoints: the engine, its limits and metrics. It turns requests into responses.
final class GenerationService: Sendable {
    let engine: Engine
    let modelName: String
    let options: ServerOptions
    let admission: Admission
    let metrics: ServerMetrics
    /// Set at shutdown. Running requests may finish, and new ones are refused.
    let isDraining = AtomicFlag()
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
        guard !isDraining.isSet else {
            throw APIError(
                status: .serviceUnavailable, message: "the server is about to end", code: "draining",
                headers: [.retryAfter: "1", .connection: "close"])
        }
        let places = max(choices.count, 1)
        let arrival = ContinuousClock.now
        guard call.streams else {
            return try await connection.cancelling {
                try await connection.limiting(seconds: self.options.requestSeconds, self.tookTooLong) {
                    try await self.admission.withPlaces(places) {
                        let record = RequestRecord(metrics: self.metrics, arrival: arrival, prompts: prompts)
                        let results = try await self.collect(choices, record)
                        let answer = try await output.whole(results, usage: record.usage)
                        return Response.json(answer)
                    }
                }
            }
        }
        // A refused request gets a status. A request in the queue waits inside its stream, so that a disconnect of the
        // client is detected.
        let ticket = try admission.enter(places)
        return ServerSentEvents.response(
            to: connection, seconds: options.requestSeconds + options.arrivalSeconds,
            framing: output.framing
        ) { send in
            defer { ticket.leave() }
            try await connection.limiting(seconds: self.options.requestSeconds, self.tookTooLong) {
                try await ticket.wait()
                let record = RequestRecord(metrics: self.metrics, arrival: arrival, prompts: prompts)
                let started = Mutex(Set<Int>())
                for chunk in output.opening() { send(chunk) }
                try await self.engine.generate(choices) { index, token in
                    record.add(token, choice: index)
                    let isFirst = started.withLock { $0.insert(index).inserted }
                    for chunk in output.chunks(index, token, isFirst: isFirst) { send(chunk) }
                }
                record.finish()
                for chunk in output.closing(record.usage) { send(chunk) }
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
