import Foundation
import HTTPTypes

/// The name of a request in the header `x-request-id` and in the log.
enum RequestID {
    static let longest = 128

    /// The client's name if it is usable: 1 to 128 printable ASCII characters. Otherwise a new one.
    static func of(_ headers: HTTPFields) -> String {
        guard let given = headers[.requestID], (1...longest).contains(given.utf8.count),
            given.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return "req-" + UUID().uuidString.lowercased() }
        return given
    }
}

extension HTTPField.Name {
    private static func named(_ name: String) -> Self { Self(name) ?? .accept }

    /// HTTPTypes has the Host header elsewhere, and makes its own constant unavailable.
    static let hostName = named("Host")
    static let apiKey = named("x-api-key")
    static let requestID = named("x-request-id")
    static let shouldRetry = named("x-should-retry")
    static let secFetchSite = named("Sec-Fetch-Site")
    static let secFetchMode = named("Sec-Fetch-Mode")
    static let accessControlAllowHeaders = named("Access-Control-Allow-Headers")
    static let accessControlAllowMethods = named("Access-Control-Allow-Methods")
    static let accessControlExposeHeaders = named("Access-Control-Expose-Headers")
    static let accessControlMaxAge = named("Access-Control-Max-Age")
    static let accessControlRequestHeaders = named("Access-Control-Request-Headers")
}
