import HTTPTypes
import NIOCore
import Ouro

/// A streamed response: `data:` lines, each with a JSON object, then `data: [DONE]`.
enum ServerSentEvents {
    /// The interval of keep-alive comments. They tell proxies that a stream without events is still alive.
    private static let keepAliveSeconds = 15
    private static let comment = ": waiting\n\n"

    /// Sends one event, and waits until the system has taken it. So a slow reader slows its own stream down.
    typealias Sender = @Sendable (JSONOutput) async throws -> Void

    /// Makes a streamed response.
    ///
    /// - Parameters:
    ///   - connection: the connection of the request.
    ///   - body: sends the events. It is cancelled if the client disconnects. If it throws, the error becomes the last event,
    ///     because the status has already been sent.
    static func response(
        to connection: Connection, framing: EventFraming = .openAI,
        _ body: @escaping @Sendable (_ send: @escaping Sender) async throws -> Void
    ) -> Response {
        let stream = ResponseStream(probe: ByteBuffer(string: comment)) { write in
            try await firstOf({
                try await run(body, log: connection.log, framing: framing) { try await write(ByteBuffer(string: $0)) }
            }) {
                while true {
                    try await connection.pause(seconds: keepAliveSeconds)
                    try await write(ByteBuffer(string: comment))
                }
            }
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache"],
            body: .stream(stream))
    }

    private static func run(
        _ body: @escaping @Sendable (_ send: @escaping Sender) async throws -> Void, log: RequestLog,
        framing: EventFraming,
        write: @escaping @Sendable (String) async throws -> Void
    ) async throws {
        let failure: APIError
        do {
            try await body { try await write(framing.event($0)) }
            if let ending = framing.ending { try await write(ending) }
            return
        } catch let error as OuroError {
            failure = APIError(error)
        } catch let error as APIError {
            failure = error
        }
        log.failed(failure)
        try await write(framing.failure(failure))
    }
}
