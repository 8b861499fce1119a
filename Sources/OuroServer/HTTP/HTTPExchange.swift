import HTTPTypes
import NIOCore
import NIOHTTP1

/// A request and its response on a connection. Only the connection's event loop uses it.
final class HTTPExchange {
    let request: Request
    let version: HTTPVersion
    /// Whether the version is at least 1.1: the client knows chunks and status 100.
    let isModern: Bool
    let isHead: Bool
    /// A fault in the head. The request is then refused.
    let fault: APIError?
    var body: IncomingBody { request.body }
    var task: Task<Void, Never>?
    /// Whether the whole body has arrived.
    var bodyIsWhole = false
    /// Whether the client waits for status 100 before it sends the body.
    var expectsContinue: Bool
    var keepsAlive: Bool
    /// Whether the head of the response is sent.
    var hasBegun = false
    /// Whether the end of the response is sent.
    var isComplete = false
    /// See ``ResponseStream/probe``.
    var probe: ByteBuffer?

    init(_ head: HTTPRequestHead, demand: @escaping @Sendable () -> Void) {
        version = head.version
        isModern = Self.isModern(head)
        isHead = head.method == .HEAD
        fault = Self.fault(in: head)
        // After an upgrade, NIO's decoder would take the bytes for another protocol.
        keepsAlive = head.isKeepAlive && !head.headers.contains(name: "upgrade")
        expectsContinue = head.headers.contains(name: "expect") && isModern
        var fields = HTTPFields()
        for (name, value) in head.headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        request = Request(
            method: HTTPRequest.Method(head.method.rawValue) ?? .get, target: head.uri, headers: fields,
            body: IncomingBody(
                declaredSize: head.headers.first(name: "content-length").flatMap { Int($0) }, demand: demand))
    }

    private static func isModern(_ head: HTTPRequestHead) -> Bool {
        (head.version.major, head.version.minor) >= (1, 1)
    }

    private static func fault(in head: HTTPRequestHead) -> APIError? {
        let hosts = head.headers["host"]
        if hosts.count > 1 { return .badRequest(nil, "expected one Host header, found \(hosts.count)") }
        if hosts.isEmpty, isModern(head) { return .badRequest(nil, "the Host header is missing") }
        let codings = head.headers["transfer-encoding"]
        if !codings.isEmpty, codings.map({ $0.lowercased() }) != ["chunked"] {
            return APIError(
                status: .notImplemented,
                message: "Transfer-Encoding: expected chunked, found '\(codings.joined(separator: ", ").prefix(100))'")
        }
        if let expectation = head.headers.first(name: "expect"), expectation.lowercased() != "100-continue" {
            return APIError(
                status: .expectationFailed,
                message: "Expect: expected 100-continue, found '\(expectation.prefix(100))'")
        }
        return nil
    }

    /// The head of the response.
    ///
    /// - Parameter length: the size of the body. Nil if it is not known.
    func head(of response: Response, length: Int?) -> HTTPResponseHead {
        var head = HTTPResponseHead(version: version, status: .init(statusCode: response.status.code))
        head.headers = response.headers.forNIO
        if let length, response.status.code != 204 {
            head.headers.replaceOrAdd(name: "content-length", value: "\(length)")
        }
        if !keepsAlive {
            head.headers.replaceOrAdd(name: "connection", value: "close")
        } else if !isModern {
            head.headers.replaceOrAdd(name: "connection", value: "keep-alive")
        }
        return head
    }
}

extension HTTPFields {
    /// These fields and those that every response has.
    var forNIO: HTTPHeaders {
        var headers = HTTPHeaders()
        for field in self { headers.add(name: field.name.canonicalName, value: field.value) }
        headers.add(name: "server", value: "ouro")
        headers.add(name: "date", value: HTTPDate.now)
        return headers
    }
}

extension APIError {
    /// The error for bytes that are not HTTP. Nil for errors of the connection.
    init?(decoding error: any Error) {
        guard let error = error as? HTTPParserError else { return nil }
        switch error {
        case .headerOverflow:
            self.init(
                status: .requestHeaderFieldsTooLarge,
                message: "the head is too large: at most \(ConnectionLimits.headerBytes >> 10) KiB in "
                    + "\(ConnectionLimits.headerCount) fields")
        case .invalidVersion:
            self.init(status: .httpVersionNotSupported, message: "expected HTTP/1.0 or HTTP/1.1")
        case .invalidChunkSize: self = .badRequest(nil, "the body has an invalid chunk size")
        case .invalidContentLength, .unexpectedContentLength:
            self = .badRequest(nil, "the request has an invalid Content-Length")
        case .invalidEOFState, .closedConnection:
            self = .badRequest(nil, "the connection ended before the request was complete")
        case .invalidHeaderToken: self = .badRequest(nil, "the request has an invalid header")
        case .invalidMethod: self = .badRequest(nil, "the request has an invalid method")
        case .invalidURL, .invalidPath, .invalidHost, .invalidPort, .invalidQueryString, .invalidFragment:
            self = .badRequest(nil, "the request has an invalid target")
        default: self = .badRequest(nil, "the bytes are not an HTTP request")
        }
    }
}
