import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Ouro

/// Wraps every endpoint: checks the API key, writes a log line, adds CORS headers, and turns errors into JSON.
struct RequestGuard: RouterMiddleware {
    typealias Context = ConnectionContext

    let service: GenerationService
    let logger: Logger

    private var options: ServerOptions { service.options }
    /// Paths that need no API key. The page asks the user for the key, and health probes have none.
    private static let open: Set<String> = ["/", "/health"]

    func handle(
        _ request: Request, context: ConnectionContext,
        next: (Request, ConnectionContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            if request.method == .options, options.corsOrigin != nil {
                response = Response(status: .noContent)
            } else {
                try authorise(request)
                var context = context
                context.clock = options.clock
                response = try await next(request, context)
            }
        } catch {
            response = try self.response(to: error, request, context)
        }
        if let origin = options.corsOrigin {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.accessControlAllowHeaders] = "Authorization, Content-Type"
            response.headers[.accessControlAllowMethods] = "GET, POST, OPTIONS"
        }
        let path = context.endpointPath ?? "other"
        service.metrics.responded(path: path, status: response.status.code)
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        logger.info(
            "request",
            metadata: [
                "method": "\(request.method)", "path": "\(path)", "status": "\(response.status.code)",
                "ms": "\(Int(milliseconds))",
            ])
        return response
    }

    private func response(
        to error: any Error, _ request: Request, _ context: ConnectionContext
    ) throws -> Response {
        let known: APIError
        switch error {
        case let error as APIError: known = error
        case let error as OuroError: known = APIError(error)
        case let error as HTTPError:
            let message =
                switch error.status {
                case .notFound:
                    "there is no \(request.method) \(request.uri.path.prefix(100)); there are \(Self.routes)"
                default: error.body ?? error.status.reasonPhrase
                }
            known = APIError(status: error.status, message: message)
        case is NIOTooManyBytesError:
            known = APIError(
                status: .contentTooLarge, message: "the body is larger than \(options.maxBodyBytes) bytes")
        case is CancellationError:
            known = APIError(status: .init(code: 499, reasonPhrase: "Client Closed Request"), message: "cancelled")
        default:
            logger.error("failure", metadata: ["error": "\(error)"])
            known = APIError(status: .internalServerError, message: "something went wrong in the server")
        }
        return try known.response(from: request, context: context)
    }

    /// The endpoints, for clients that look for one that does not exist.
    static let routes =
        "POST /v1/completions, /v1/chat/completions, /v1/responses, /v1/messages, /v1/messages/count_tokens, /tokenize, "
        + "/detokenize; GET /v1/models, /props, /tokenizer_info, /version, /openapi.json, /docs, /health, /metrics, /"

    private func authorise(_ request: Request) throws {
        guard let key = options.apiKey, !Self.open.contains(request.uri.path) else { return }
        // Clients of Anthropic's API have a header of their own for the key.
        if APIError.isAnthropic(request.uri.path), let given = request.headers[.apiKey],
            Self.areEqual(given.utf8, key.utf8)
        {
            return
        }
        let given = request.headers[.authorization] ?? ""
        guard given.hasPrefix("Bearer "), Self.areEqual(given.dropFirst("Bearer ".count).utf8, key.utf8) else {
            throw APIError(
                status: .unauthorized, message: "expected 'Authorization: Bearer KEY' with the server's key",
                code: "invalid_api_key", headers: [.wwwAuthenticate: "Bearer"])
        }
    }

    /// Compares in constant time: the position of a difference does not change the duration.
    static func areEqual(_ given: some Collection<UInt8>, _ key: some Collection<UInt8>) -> Bool {
        var difference: UInt8 = given.count == key.count ? 0 : 1
        let given = Array(given)
        for (index, byte) in key.enumerated() {
            difference |= byte ^ (given.isEmpty ? 0 : given[index % given.count])
        }
        return difference == 0
    }
}

extension HTTPField.Name {
    static let apiKey = Self("x-api-key")!
    static let accessControlAllowHeaders = Self("Access-Control-Allow-Headers")!
    static let accessControlAllowMethods = Self("Access-Control-Allow-Methods")!
}
