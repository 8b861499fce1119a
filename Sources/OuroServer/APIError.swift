import HTTPTypes
import Ouro

/// An error in the form that OpenAI's clients expect: `{"error":{"message","type","param","code"}}`.
struct APIError: Error {
    var status: HTTPResponse.Status
    var message: String
    /// The field of the request that has the error.
    var parameter: String?
    var code: String?
    var headers: HTTPFields = [:]

    static func badRequest(_ parameter: String?, _ message: String) -> APIError {
        APIError(status: .badRequest, message: message, parameter: parameter)
    }

    /// Makes the response for an error that the engine threw.
    init(_ error: OuroError) {
        let field = error.field.map { "\($0): " } ?? ""
        self.init(status: .badRequest, message: field + error.message, parameter: error.field)
        switch error.code {
        case .contextExceeded: code = "context_length_exceeded"
        case .invalidRequest, .unsupported, .invalidTemplate, .invalidData: break
        case .memoryExceeded: code = "insufficient_memory"
        default: status = .internalServerError
        }
    }

    init(
        status: HTTPResponse.Status, message: String, parameter: String? = nil, code: String? = nil,
        headers: HTTPFields = [:]
    ) {
        (self.status, self.message, self.parameter, self.code) = (status, message, parameter, code)
        self.headers = headers
    }

    private var type: String {
        switch status.code {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 408, 504: "timeout_error"
        case 429: "rate_limit_error"
        // The client asks for something that HTTP does not require.
        case 501, 505: "invalid_request_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }

    var json: JSONOutput {
        .object([
            "error": .object([
                "message": .string(message), "type": .string(type),
                "param": parameter.map { .string($0) } ?? .null, "code": code.map { .string($0) } ?? .null,
            ])
        ])
    }

    /// The response to a request.
    var response: Response { response(to: "") }

    /// The response to a request for a path. Each API has its own form of errors.
    func response(to path: String) -> Response {
        var response = Response.json(Self.isAnthropic(path) ? anthropic : json, status: status)
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}

extension APIError {
    /// The server ends and takes no new work.
    static let draining = APIError(
        status: .serviceUnavailable, message: "the server is about to end", code: "draining",
        headers: [.retryAfter: "1", .connection: "close"])

    /// The server ends before the answer is complete.
    static let cutOff = APIError(
        status: .serviceUnavailable, message: "the server has ended before the answer was complete", code: "draining",
        headers: [.retryAfter: "1", .connection: "close"])

    /// Something did not arrive in time.
    static func tooSlow(_ what: String, seconds: Int) -> APIError {
        APIError(
            status: .requestTimeout, message: "\(what) did not arrive in \(seconds) seconds", code: "timeout",
            headers: [.connection: "close"])
    }

    /// A request took longer than its limit. Clients that retry errors of this kind would only run it again.
    static func tookTooLong(seconds: Int) -> APIError {
        APIError(
            status: .gatewayTimeout, message: "the request took longer than \(seconds) seconds", code: "timeout",
            headers: [.shouldRetry: "false"])
    }
}
