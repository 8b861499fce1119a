import HTTPTypes
import NIOCore
import Ouro

/// The answer to a request.
struct Response: Sendable {
    var status: HTTPResponse.Status
    var headers: HTTPFields = [:]
    var body: ResponseBody

    init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: ResponseBody = .whole(ByteBuffer())) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    static func json(_ value: JSONOutput, status: HTTPResponse.Status = .ok) -> Response {
        .json(text: value.text, status: status)
    }

    static func json(text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .whole(ByteBuffer(string: text + "\n")))
    }
}

/// The body of a response.
enum ResponseBody: Sendable {
    case whole(ByteBuffer)
    /// A body that is made while it is sent.
    case stream(ResponseStream)
}

/// A body that is made while it is sent.
struct ResponseStream: Sendable {
    typealias Write = @Sendable (ByteBuffer) async throws -> Void

    /// Bytes without a meaning. The connection sends them when the client has closed its side: the error that they cause
    /// tells a client that has left from one that only has no more to say.
    let probe: ByteBuffer
    /// Sends the body. `write` returns when the system has taken the bytes, so a slow reader slows the sender down.
    let send: @Sendable (_ write: @escaping Write) async throws -> Void
}

/// Sends the parts of a response. Tests have their own.
protocol ResponseWriter: Sendable {
    /// Sends a response whose body is known.
    func write(_ response: Response, _ body: ByteBuffer) async throws
    /// Sends the head of a response. The body follows.
    func begin(_ response: Response, probe: ByteBuffer) async throws
    /// Sends a part of the body, and waits until the system has taken it.
    func write(_ part: ByteBuffer) async throws
    /// Sends the end of the body.
    func end() async throws
}

extension ResponseWriter {
    /// Sends a response to its end.
    ///
    /// - Throws: any error of the connection or of the stream. The response is then incomplete.
    func send(_ response: Response) async throws {
        switch response.body {
        case .whole(let body): try await write(response, body)
        case .stream(let stream):
            try await begin(response, probe: stream.probe)
            try await stream.send { try await write($0) }
            try await end()
        }
    }
}
