import HTTPTypes

/// Handles the requests of one route.
typealias Handler = @Sendable (Request, ConnectionContext) async throws -> Response

/// The routes of a server: which handler answers which method and path.
struct Routes: Sendable {
    private struct Route: Sendable {
        let method: HTTPRequest.Method
        /// The name of the route in metrics: its path.
        let name: String
        let segments: [String]
        /// Whether more segments may follow.
        let takesRest: Bool
        let handler: Handler

        func matches(_ path: [String]) -> Bool {
            takesRest
                ? path.count > segments.count && path.starts(with: segments)
                : path == segments
        }
    }

    /// What the table says about a request.
    enum Match {
        /// A handler, the name of its route, and the decoded segments after the route's own.
        case handler(Handler, name: String, rest: [String])
        /// The path exists, with these methods.
        case otherMethods([HTTPRequest.Method], name: String)
        case nothing
    }

    private var routes: [Route] = []

    /// Adds a route for GET. A path that ends with `/**` takes any further segments.
    mutating func get(_ path: String, _ handler: @escaping Handler) { add(.get, path, handler) }

    /// Adds a route for POST.
    mutating func post(_ path: String, _ handler: @escaping Handler) { add(.post, path, handler) }

    private mutating func add(_ method: HTTPRequest.Method, _ path: String, _ handler: @escaping Handler) {
        let takesRest = path.hasSuffix("/**")
        routes.append(
            Route(
                method: method, name: path, segments: Self.segments(of: takesRest ? String(path.dropLast(3)) : path),
                takesRest: takesRest, handler: handler))
    }

    /// The decoded segments of a path. Empty segments do not count: `/health/` is `/health`.
    ///
    /// The path is decoded after it is cut, so `%2F` is part of a segment.
    static func segments(of path: String) -> [String] {
        path.split(separator: "/").map { $0.contains("%") ? decoded($0) : String($0) }
    }

    private static func decoded(_ segment: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(segment).utf8
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                bytes.append(UInt8(digits[0] << 4 | digits[1]))
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Finds the handler of a request. A route for GET also answers HEAD.
    func match(_ method: HTTPRequest.Method, _ path: String) -> Match {
        let segments = Self.segments(of: path)
        let found = routes.filter { $0.matches(segments) }
        guard let first = found.first else { return .nothing }
        let wanted = method == .head ? .get : method
        guard let route = found.first(where: { $0.method == wanted }) else {
            let methods = found.map(\.method)
            return .otherMethods(methods + (methods.contains(.get) ? [.head] : []), name: first.name)
        }
        return .handler(route.handler, name: route.name, rest: Array(segments.dropFirst(route.segments.count)))
    }

    /// All routes, as `METHOD path`.
    var list: [String] { routes.map { "\($0.method.rawValue) \($0.name)" } }
}
