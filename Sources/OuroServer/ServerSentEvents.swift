import Hummingbird
import NIOCore
import Ouro

/// A streamed response: `data:` lines, each with a JSON object, then `data: [DONE]`.
enum ServerSentEvents {
    /// The interval of keep-alive comments. They tell proxies that a stream without events is still alive.
    private static let keepAliveSeconds = 15

    /// Makes a streamed response.
    ///
    /// - Parameters:
    ///   - connection: the connection of the request.
    ///   - seconds: the time limit of the whole stream. It closes connections of clients that stop reading.
    ///   - body: sends the events. It is cancelled if the client disconnects. If it throws, the error becomes the last event,
    ///     because the status has already been sent.
    static func response(
        to connection: Connection, seconds: Int, framing: EventFraming = .openAI,
        _ body: @escaping @Sendable (_ send: @escaping Sender) async throws -> Void
    ) -> Response {
        let responseBody = ResponseBody { writer in
            let output = Output(writer)
            try await connection.cancelling {
                try await run(body, for: connection, seconds: seconds, framing: framing) {
                    try await output.writer.write(ByteBuffer(string: $0))
                }
            }
            try await output.writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache"], body: responseBody)
    }

    typealias Sender = @Sendable (JSONOutput) -> Void

    /// Holds the writer. Only one task uses it.
    private final class Output: @unchecked Sendable {
        var writer: any ResponseBodyWriter
        init(_ writer: any ResponseBodyWriter) { self.writer = writer }
    }

    /// Runs `body` and the writing concurrently, until everything is written. Writing waits for the client; `send` does not.
    private static func run(
        _ body: @escaping @Sendable (_ send: @escaping Sender) async throws -> Void, for connection: Connection,
        seconds: Int, framing: EventFraming,
        write: @escaping @Sendable (String) async throws -> Void
    ) async throws {
        let (events, source) = AsyncStream<String>.makeStream()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                defer { source.finish() }
                do {
                    try await body { source.yield(framing.event($0)) }
                    if let ending = framing.ending { source.yield(ending) }
                } catch let error as OuroError {
                    source.yield(framing.failure(APIError(error)))
                } catch let error as APIError {
                    source.yield(framing.failure(error))
                }
                return false
            }
            group.addTask {
                for await event in events { try await write(event) }
                return true
            }
            group.addTask {
                var left = seconds
                while left > 0 {
                    let step = min(keepAliveSeconds, left)
                    try await connection.pause(seconds: step)
                    source.yield(": waiting\n\n")
                    left -= step
                }
                throw CancellationError()
            }
            defer { group.cancelAll() }
            while let isWritten = try await group.next(), !isWritten {}
        }
    }
}
