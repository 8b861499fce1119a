import HTTPTypes

/// A request of a client.
struct Request: Sendable {
    let method: HTTPRequest.Method
    /// The path as the client sent it: percent-encoded, without the query.
    let path: String
    let headers: HTTPFields
    let body: IncomingBody

    /// - Parameter target: the target of the request line: a path, or a whole URL.
    init(method: HTTPRequest.Method, target: String, headers: HTTPFields, body: IncomingBody) {
        self.method = method
        self.headers = headers
        self.body = body
        path = Self.path(of: target)
    }

    private static func path(of target: String) -> String {
        var rest = target.prefix { $0 != "?" && $0 != "#" }
        for scheme in ["http://", "https://"] where rest.lowercased().hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count).drop { $0 != "/" }
        }
        return rest.isEmpty ? "/" : String(rest)
    }
}
