import Foundation
import Logging
import Ouro

/// An HTTP server for the OpenAI API. Requests can set loops and exits.
public struct Server: Sendable {
    let service: GenerationService
    let connections = ConnectionTracker()
    private let logger: Logger

    /// Makes a server for an engine. It listens when ``run(onListening:)`` is called.
    ///
    /// - Parameters:
    ///   - engine: the engine that runs the model.
    ///   - modelName: the model's name in `/v1/models`.
    ///   - options: the address, the API key and the limits.
    ///   - logger: gets one line per request. Nil makes a logger with the label `ouro`.
    /// - Throws: `OuroError` with code `invalidRequest` for invalid options, see ``ServerOptions/validate()`` and
    ///   ``ServerOptions/checkHost()``.
    public init(
        engine: Engine, modelName: String, options: ServerOptions = ServerOptions(), logger: Logger? = nil
    ) throws(OuroError) {
        try options.validate()
        try options.checkHost()
        service = GenerationService(engine: engine, modelName: modelName, options: options)
        self.logger = logger ?? Logger(label: "ouro")
    }

    /// Serves until the task is cancelled or the process gets SIGTERM or SIGINT. After a signal, running requests have
    /// `drainSeconds` to finish. Requests that have not finished then get an error. A second signal ends the server at
    /// once.
    ///
    /// - Parameters:
    ///   - onListening: called with the port when the server listens.
    /// - Throws: `OuroError` with code `invalidRequest` if the server cannot listen. It names the option to change. Any other
    ///   error that ends the server without a request to end.
    public func run(onListening: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        Machine.returnLargeBlocks()
        let shutdown = Shutdown()
        let signals = SignalWatch(shutdown)
        try await run(until: shutdown, onListening: onListening)
        withExtendedLifetime(signals) {}
    }

    func run(
        until shutdown: Shutdown, onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws {
        let options = service.options
        let listener: Listener
        do {
            listener = try await Listener(
                host: options.host, port: options.port, service: requestGuard(),
                limits: ConnectionLimits(
                    arrivalSeconds: options.arrivalSeconds, keepAliveSeconds: options.keepAliveSeconds,
                    clock: options.clock),
                tracker: connections)
        } catch {
            throw options.listenFailure(error) ?? error
        }
        await onListening(listener.port ?? options.port)
        await shutdown.begins()
        service.isDraining.set()
        connections.drain()
        if !Task.isCancelled { await drain(until: shutdown) }
        service.isCutOff.set()
        // The connections send the last errors now.
        if !Task.isCancelled, !shutdown.isImmediate {
            _ = try? await firstOf({ await connections.exchanges.reaches { $0 == 0 } }) {
                try await ContinuousClock().sleep(for: .seconds(1))
                throw CancellationError()
            }
        }
        await listener.close()
        await connections.closeAll()
    }

    /// Waits until no request is left, the time is over, or the server has to end at once. New connections are accepted, so
    /// that `/health` can say that the server is about to end.
    private func drain(until shutdown: Shutdown) async {
        let options = service.options
        _ = try? await firstOf({ await connections.exchanges.reaches { $0 == 0 } }) {
            try await firstOf({ await shutdown.becomesImmediate() }) {
                try await (options.clock ?? ContinuousClock()).sleep(for: .seconds(options.drainSeconds))
                throw CancellationError()
            }
            throw CancellationError()
        }
    }

    /// Answers requests, wherever they come from.
    func requestGuard() -> RequestGuard {
        var routes = Routes()
        let endpoints: [any Endpoint.Type] = [
            Completions.self, ChatCompletions.self, Responses.self, Messages.self, Tokenization.self, Version.self,
            OpenAPI.self,
            Models.self, Health.self, MetricsPage.self,
            Playground.self,
        ]
        for endpoint in endpoints { endpoint.init(service: service).add(to: &routes) }
        return RequestGuard(service: service, routes: routes, logger: logger)
    }
}
