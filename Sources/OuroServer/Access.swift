import HTTPTypes
import Ouro

/// Decides who may use the server: the API key, and the browser pages that may call it.
struct Access: Sendable {
    let options: ServerOptions

    /// Paths that anyone may use. Health probes have no key.
    private static let health = ["health"]

    /// - Throws: `APIError` with status 401, 403 or 415.
    func check(_ request: Request) throws {
        let path = Routes.segments(of: request.path)
        if path != Self.health {
            if options.apiKey == nil {
                try checkHost(request)
                try checkOrigin(request, path)
            }
            // The page asks the user for the key.
            if !path.isEmpty, !(options.opensMetrics && path == ["metrics"]) { try checkKey(request) }
        }
        if request.method == .post { try checkContent(request) }
    }

    // MARK: key

    private func checkKey(_ request: Request) throws {
        guard let key = options.apiKey else { return }
        // Clients of Anthropic's API have a header of their own for the key.
        if APIError.isAnthropic(request.path), let given = request.headers[.apiKey], Self.areEqual(given.utf8, key.utf8)
        {
            return
        }
        let parts = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer",
            Self.areEqual(parts[1].drop { $0 == " " }.utf8, key.utf8)
        else {
            throw APIError(
                status: .unauthorized, message: "expected 'Authorization: Bearer KEY' with the server's key",
                code: "invalid_api_key", headers: [.wwwAuthenticate: "Bearer"])
        }
    }

    /// Compares in constant time: the position of a difference does not change the duration.
    static func areEqual(_ given: some Collection<UInt8>, _ key: some Collection<UInt8>) -> Bool {
        var difference: UInt8 = given.count == key.count ? 0 : 1
        let given = Array(given)
        for (index, byte) in key.enumerated() {
            difference |= byte ^ (given.isEmpty ? 0 : given[index % given.count])
        }
        return difference == 0
    }

    // MARK: browsers

    /// Refuses names that are not the server's. A page of another host can give its own name the server's address (DNS
    /// rebinding); the name then shows in this header.
    private func checkHost(_ request: Request) throws {
        guard let authority = request.headers[.hostName] else { return }
        let name = HostName(authority: authority)
        let isAddress = name.isAddress && !options.isLoopback
        guard
            name.isLoopback || isAddress || name == HostName(options.host)
                || options.allowedHosts.contains(where: { $0 == "*" || HostName($0) == name })
        else {
            throw APIError(
                status: .forbidden,
                message: "the host '\(authority.prefix(100))' is not allowed; give it to --allowed-hosts, or set an "
                    + "API key", code: "host_not_allowed")
        }
    }

    /// Refuses requests of pages that are not the server's own.
    private func checkOrigin(_ request: Request, _ path: [String]) throws {
        let origin = request.headers[.origin]
        if let origin {
            if isAllowed(origin: origin) { return }
            let own = request.headers[.hostName].map { ["http://\($0)", "https://\($0)"] } ?? []
            guard own.contains(where: { $0.lowercased() == origin.lowercased() }) else {
                throw APIError(
                    status: .forbidden,
                    message: "the origin '\(origin.prefix(100))' is not allowed; give it to --cors-origin, or set an "
                        + "API key", code: "origin_not_allowed")
            }
        }
        guard let site = request.headers[.secFetchSite]?.lowercased(), site == "cross-site" || site == "same-site"
        else { return }
        // A link to the page is not an attack: the page does nothing by itself, and no other page can read it.
        let isLink = request.method == .get && path.isEmpty && request.headers[.secFetchMode] == "navigate"
        guard isLink else {
            throw APIError(
                status: .forbidden, message: "pages of other sites may not use the server; set an API key",
                code: "origin_not_allowed")
        }
    }

    private func isAllowed(origin: String) -> Bool {
        options.corsOrigin == "*" || options.corsOrigin?.lowercased() == origin.lowercased()
    }

    /// Refuses bodies that are not JSON. A browser asks before it sends JSON to another site, but not before it sends a
    /// form or plain text.
    private func checkContent(_ request: Request) throws {
        if let coding = request.headers[.contentEncoding], coding.lowercased() != "identity" {
            throw APIError(
                status: .unsupportedMediaType,
                message: "Content-Encoding: expected none, found '\(coding.prefix(100))'; send the body uncompressed",
                headers: [.acceptEncoding: "identity"])
        }
        let isBrowser = request.headers[.origin] != nil || request.headers[.secFetchSite] != nil
        let type = request.headers[.contentType]?.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        switch type {
        case nil, "": guard isBrowser else { return }
        // What `curl -d` sends.
        case "application/x-www-form-urlencoded": guard isBrowser else { return }
        case let type?:
            if type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) { return }
        }
        throw APIError(
            status: .unsupportedMediaType,
            message: "Content-Type: expected application/json, found '\((type ?? "none").prefix(100))'",
            headers: [.accept: "application/json"])
    }

    // MARK: CORS

    /// The answer to a browser's question whether a page may send a request. Nil if the request is not such a question.
    func preflight(_ request: Request) -> Response? {
        guard request.method == .options, let allowed = options.corsOrigin else { return nil }
        let origin = request.headers[.origin] ?? allowed
        guard isAllowed(origin: origin) || allowed == origin else { return nil }
        var response = Response(status: .noContent)
        let asked = request.headers[.accessControlRequestHeaders] ?? ""
        let names = asked.split(separator: ",").map { $0.filter { $0 != " " } }.filter { HTTPField.Name($0) != nil }
        response.headers[.accessControlAllowHeaders] =
            names.isEmpty ? "Authorization, Content-Type" : names.joined(separator: ", ")
        response.headers[.accessControlAllowMethods] = "GET, POST, OPTIONS"
        response.headers[.accessControlMaxAge] = "86400"
        return response
    }

    /// Lets the pages of `--cors-origin` read a response.
    func mark(_ response: inout Response) {
        guard let origin = options.corsOrigin else { return }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlExposeHeaders] = "x-request-id, retry-after"
        if origin != "*" { response.headers[.vary] = "Origin" }
    }
}
