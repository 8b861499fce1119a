import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Ouro
import ServiceLifecycle
import Synchronization

/// An HTTP server that speaks OpenAI's API, with adaptive depth as a parameter.
public struct Server: Sendable {
    let service: GenerationService
    private let logger: Logger

    /// - Parameters:
    ///   - modelName: what clients see in `/v1/models`.
    /// - Throws: ``OuroError`` with code `invalidRequest` for options that make no sense, see ``ServerOptions/validate()``
    ///   and ``ServerOptions/checkHost()``.
    public init(
        engine: Engine, modelName: String, options: ServerOptions = ServerOptions(), logger: Logger? = nil
    ) throws(OuroError) {
        try options.validate()
        try options.checkHost()
        service = GenerationService(engine: engine, modelName: modelName, options: options)
        self.logger = logger ?? Logger(label: "ouro")
    }

    /// Serves until the task is cancelled or the process is asked to end (SIGTERM, SIGINT); then lets running requests
    /// finish for `drainSeconds`.
    ///
    /// - Parameters:
    ///   - onListening: gets the port, once the server listens.
    /// - Throws: ``OuroError`` with code `invalidRequest` if the server cannot listen, naming the option to change; any error
    ///   that ends the server while nobody has asked it to end.
    public func run(onListening: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        try await run(takesSignals: true, onListening: onListening)
    }

    func run(
        takesSignals: Bool, onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws {
        do {
            try await group(takesSignals: takesSignals, onListening: onListening).run()
        } catch {
            // The clients whose requests the drain's limit has cut have been told. Nobody else needs to know.
            guard service.isDraining.isSet || Task.isCancelled else {
                throw service.options.listenFailure(error) ?? error
            }
        }
    }

    /// Services end in the opposite order: first nothing new begins and what runs is waited for, then connections close.
    func group(
        takesSignals: Bool, onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> ServiceGroup {
        var configuration = ServiceGroupConfiguration(
            services: [application(onListening: onListening), DrainService(service: service)],
            gracefulShutdownSignals: takesSignals ? [.sigterm, .sigint] : [], logger: Self.quiet)
        // DrainService ends what takes longer. The second more is for connections that do not close.
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
                    // A second more, so that whoever sends half a request is told before the connection closes.
                    idleTimeout: .seconds(Int64(options.arrivalSeconds) + 1), httpDecoderConfiguration: decoder)),
            configuration: .init(address: .hostname(options.host, port: options.port), serverName: "ouro"),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? options.port) },
            logger: Self.quiet)
    }

    /// The framework's own lines would only repeat ours.
    private static let quiet: Logger = {
        var logger = Logger(label: "ouro.http")
        logger.logLevel = .critical
        return logger
    }()

    func router() -> Router<ConnectionContext> {
        let router = Router(context: ConnectionContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestGuard(service: service, logger: logger))
        let endpoints: [any Endpoint.Type] = [
            Completions.self, ChatCompletions.self, Tokenization.self, Models.self, Health.self, MetricsPage.self,
            Playground.self,
        ]
        for endpoint in endpoints { endpoint.init(service: service).add(to: router) }
        return router
    }
}
