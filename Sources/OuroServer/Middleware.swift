import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import Ouro

/// Wraps every endpoint: checks access, finds the handler, turns errors into JSON, and writes a log line when the response
/// has ended.
struct RequestGuard: HTTPService {
    let service: GenerationService
    let routes: Routes
    let logger: Logger

    private var options: ServerOptions { service.options }

    func serve(_ request: Request, on eventLoop: any EventLoop, writer: any ResponseWriter) async {
        let log = RequestLog()
        let id = RequestID.of(request.headers)
        let connection = Connection(eventLoop: eventLoop, clock: options.clock, log: log)
        let access = Access(options: options)
        var (name, rest): (String, [String]) = ("other", [])
        var response: Response
        do {
            if let preflight = access.preflight(request) {
                response = preflight
            } else {
                let match = routes.match(request.method, request.path)
                switch match {
                case .handler(_, let path, let segments): (name, rest) = (path, segments)
                case .otherMethods(_, let path): name = path
                case .nothing: break
                }
                try access.check(request)
                response = try await answer(request, match, ConnectionContext(connection: connection, rest: rest))
            }
        } catch {
            response = self.error(for: error).response(to: request.path)
        }
        access.mark(&response)
        response.headers[.requestID] = id
        var isWhole = true
        do {
            try await writer.send(response)
        } catch {
            isWhole = false
            if !Self.isDisconnect(error) { logger.error("failure", metadata: ["error": "\(error)", "id": "\(id)"]) }
        }
        let entry = log.entry
        service.metrics.responded(path: name, status: response.status.code)
        service.memory.requestEnded(bodyBytes: request.body.size)
        var metadata: Logger.Metadata = [
            "method": "\(request.method.rawValue)", "path": "\(Self.printable(request.path))",
            "status": "\(response.status.code)", "ms": "\(Self.milliseconds(log.age))", "id": "\(id)",
        ]
        if let promptTokens = entry.promptTokens {
            metadata["prompt_tokens"] = "\(promptTokens)"
            metadata["completion_tokens"] = "\(entry.completionTokens)"
        }
        if let first = entry.firstToken { metadata["first_token_ms"] = "\(Self.milliseconds(first))" }
        if let error = entry.streamError { metadata["error"] = "\(error)" }
        if !isWhole { metadata["ended"] = "the client has left" }
        logger.info("request", metadata: metadata)
    }

    func refusal(_ error: APIError) -> Response {
        var response = error.response
        let id = RequestID.of([:])
        response.headers[.requestID] = id
        service.metrics.responded(path: "other", status: error.status.code)
        logger.info(
            "request refused",
            metadata: ["status": "\(error.status.code)", "reason": "\(error.message)", "id": "\(id)"])
        return response
    }

    private func answer(
        _ request: Request, _ match: Routes.Match, _ context: ConnectionContext
    ) async throws -> Response {
        switch match {
        case .handler(let handler, _, _): return try await handler(request, context)
        case .otherMethods(let methods, _):
            let allowed = methods.map(\.rawValue).joined(separator: ", ")
            throw APIError(
                status: .methodNotAllowed,
                message: "there is no \(request.method.rawValue) \(Self.printable(request.path)); it has \(allowed)",
                headers: [.allow: allowed])
        case .nothing:
            throw APIError(
                status: .notFound,
                message: "there is no \(request.method.rawValue) \(Self.printable(request.path)); there are "
                    + routes.list.joined(separator: ", "))
        }
    }

    /// What the client is told of an error. Only faults of the server itself get a log line at level error.
    private func error(for error: any Error) -> APIError {
        switch error {
        case let error as APIError: return error
        case let error as OuroError: return APIError(error)
        case is IncomingBody.TooLarge:
            return APIError(
                status: .contentTooLarge, message: "the body is larger than \(options.maxBodyBytes) bytes")
        case _ where Self.isDisconnect(error):
            return APIError(status: .init(code: 499, reasonPhrase: "Client Closed Request"), message: "cancelled")
        default:
            logger.error("failure", metadata: ["error": "\(error)"])
            return APIError(status: .internalServerError, message: "something went wrong in the server")
        }
    }

    /// Whether an error only says that the client has left.
    private static func isDisconnect(_ error: any Error) -> Bool {
        error is CancellationError || error is ChannelError || error is IOError
    }

    private static func printable(_ path: String) -> String {
        let characters = path.unicodeScalars.prefix(200).map { (0x21...0x7E).contains($0.value) ? Character($0) : "?" }
        return String(characters)
    }

    private static func milliseconds(_ duration: Duration) -> Int { Int(duration / .milliseconds(1)) }
}
