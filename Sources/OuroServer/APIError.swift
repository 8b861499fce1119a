import Hummingbird
import Ouro

/// An error in the form that OpenAI's clients expect: `{"error":{"message","type","param","code"}}`.
struct APIError: Error, HTTPResponseError {
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
        case 429: "rate_limit_error"
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

    func response(from request: Request, context: some RequestContext) throws -> Response {
        let isAnthropic = Self.isAnthropic(request.uri.path)
        var response = Response.json(isAnthropic ? anthropic : json, status: status)
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}

extension Response {
    static func json(_ value: JSONOutput, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: value.text + "\n")))
    }
}
