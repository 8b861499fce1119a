import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Ouro
import ServiceLifecycle
import Synchronization

/// An HTTP server for the OpenAI API. Requests can set loops and exits.
public struct Server: Sendable {
    let service: GenerationService
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
    /// `drainSeconds` to finish.
    ///
    /// - Parameters:
    ///   - onListening: called with the port when the server listens.
    /// - Throws: `OuroError` with code `invalidRequest` if the server cannot listen. It names the option to change. Any other
    ///   error that ends the server without a request to end.
    public func run(onListening: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        try await run(takesSignals: true, onListening: onListening)
    }

    func run(
        takesSignals: Bool, onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws {
        do {
            try await group(takesSignals: takesSignals, onListening: onListening).run()
        } catch {
            // An error at shutdown means that requests were cut at the drain's time limit. Their clients have been told.
            guard service.isDraining.isSet || Task.isCancelled else {
                throw service.options.listenFailure(error) ?? error
            }
        }
    }

    /// The services of the server. They end in reverse order: the drain comes first, then the connections close.
    func group(
        takesSignals: Bool, onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> ServiceGroup {
        var configuration = ServiceGroupConfiguration(
            services: [application(onListening: onListening), DrainService(service: service)],
            gracefulShutdownSignals: takesSignals ? [.sigterm, .sigint] : [], logger: Self.quiet)
        // DrainService enforces `drainSeconds`. The additional second is for connections that do not close.
        configuration.maximumGracefulShutdownDuration = .seconds(service.options.drainSeconds + 1)
        return ServiceGroup(configuration: configuration)
    }

    /// The application without its signals, for tests.
    func application(
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> some ApplicationProtocol {
        let options = service.options
        var decoder = HTTP1Channel.Configuration.DecoderConfiguration()
        decoder.maxHeaderListSize = 64 << 10
        decoder.maxHeaderFieldSize = 32 << 10
        decoder.maxHeaderFieldCount = 200
        return Application(
            router: router(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionWatch()],
                    // With the additional second, the client of an incomplete request gets an error before the connection
                    // closes.
                    idleTimeout: .seconds(Int64(options.arrivalSeconds) + 1), httpDecoderConfiguration: decoder)),
            configuration: .init(address: .hostname(options.host, port: options.port), serverName: "ouro"),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? options.port) },
            logger: Self.quiet)
    }

    /// A silent logger. The framework's log lines would repeat those of this server.
    private static let quiet: Logger = {
        var logger = Logger(label: "ouro.http")
        logger.logLevel = .critical
        return logger
    }()

    func router() -> Router<ConnectionContext> {
        let router = Router(context: ConnectionContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestGuard(service: service, logger: logger))
        let endpoints: [any Endpoint.Type] = [
            Completions.self, ChatCompletions.self, Responses.self, Messages.self, Tokenization.self, Version.self,
            OpenAPI.self,
            Models.self, Health.self, MetricsPage.self,
            Playground.self,
        ]
        for endpoint in endpoints { endpoint.init(service: service).add(to: router) }
        return router
    }
}
