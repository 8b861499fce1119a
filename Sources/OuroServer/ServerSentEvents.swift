import Hummingbird
import NIOCore
import Ouro

/// A response whose parts are sent as they come: `data:` lines, each with a JSON object, then `data: [DONE]`.
enum ServerSentEvents {
    /// - Parameters:
    ///   - body: sends events; when the client goes away, or it throws, what it does is cancelled. An error becomes the last
    ///     event, since the status is gone by then.
    static func response(
        _ request: Request, _ body: @escaping @Sendable (_ send: @escaping Sender) async throws -> Void
    ) -> Response {
        let responseBody = ResponseBody { writer in
            let (events, source) = AsyncStream<String>.makeStream()
            try await request.body.consumeWithCancellationOnInboundClose { _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        defer { source.finish() }
                        do {
                            try await body { source.yield($0.text) }
                            source.yield("[DONE]")
                        } catch let error as OuroError {
                            source.yield(APIError(error).json.text)
                        } catch let error as APIError {
                            source.yield(error.json.text)
                        }
                    }
                    for await event in events {
                        try await writer.write(ByteBuffer(string: "data: \(event)\n\n"))
                    }
                    try await group.waitForAll()
                }
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-cache"], body: responseBody)
    }

    typealias Sender = @Sendable (JSONOutput) -> Void
}
