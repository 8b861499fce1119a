import Foundation
import NIOCore
import Ouro

/// The address, the API key and the limits of a server.
public struct ServerOptions: Sendable {
    /// The name or address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on. 0 takes any free port.
    public var port = 8080
    /// The API key. If it is set, requests need `Authorization: Bearer KEY`.
    public var apiKey: String?
    /// Whether a public address is allowed without an API key.
    public var isInsecure = false
    /// The maximum number of concurrent generations.
    public var maxRunning = 64
    /// The maximum number of waiting generations. Further requests are refused with status 429.
    public var maxQueued = 256
    /// The maximum size of a request's body, in bytes.
    public var maxBodyBytes = 8 << 20
    /// The time limit for receiving a request's header and body, in seconds.
    public var arrivalSeconds = 30
    /// The time limit for answering a request, in seconds.
    public var requestSeconds = 600
    /// The time limit for running requests at shutdown, in seconds.
    public var drainSeconds = 30
    /// The value of `Access-Control-Allow-Origin`. Nil sends no such header.
    public var corsOrigin: String?
    /// The clock of all time limits. Nil takes the machine's clock. Tests give their own.
    package var clock: (any Clock<Duration>)?

    /// Makes the default options: port 8080, reachable from this machine only, without an API key.
    public init() {}

    /// Checks the options without looking up the host's name.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` for values out of range, and for a public address without an API key.
    public func validate() throws(OuroError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(OuroError) {
            guard range.contains(value) else {
                throw OuroError(
                    .invalidRequest, field: name,
                    "expected \(range.lowerBound) to \(range.upperBound), found \(value)")
            }
        }
        try check("port", port, 0...65_535)
        try check("max-running", maxRunning, 1...65_536)
        try check("max-queued", maxQueued, 0...1 << 20)
        try check("max-body", maxBodyBytes, 1024...1 << 30)
        try check("arrival-seconds", arrivalSeconds, 1...3600)
        try check("request-seconds", requestSeconds, 1...86_400)
        try check("drain-seconds", drainSeconds, 0...3600)
        if let apiKey, apiKey.isEmpty {
            throw OuroError(.invalidRequest, field: "api-key", "the key is empty; leave it out or give one")
        }
        if let address = try? SocketAddress(ipAddress: host, port: port) { try checkReach(of: address) }
    }

    /// Checks that the host exists, and that a public address has an API key. Blocks while it looks up the host's name.
    ///
    /// - Throws: `OuroError` with code `invalidRequest`.
    public func checkHost() throws(OuroError) {
        guard let address = try? SocketAddress.makeAddressResolvingHost(host, port: port) else { throw noSuchHost }
        try checkReach(of: address)
    }

    private func checkReach(of address: SocketAddress) throws(OuroError) {
        let ip = address.ipAddress ?? ""
        let isLoopback = ip.hasPrefix("127.") || ip == "::1" || ip.hasPrefix("::ffff:127.")
        guard isLoopback || apiKey != nil || isInsecure else {
            throw OuroError(
                .invalidRequest, field: "host",
                "\(host) can be reached by others: give --api-key, or --insecure if something else protects it")
        }
    }

    private var noSuchHost: OuroError {
        OuroError(
            .invalidRequest, field: "host", "no such host: '\(host)'; give an address or a name of this machine")
    }

    /// Describes an error of listening, with the option to change. Nil for other errors.
    func listenFailure(_ error: any Error) -> OuroError? {
        if error is SocketAddressError { return noSuchHost }
        guard let error = error as? IOError else { return nil }
        let reason = String(cString: strerror(error.errnoCode))
        switch error.errnoCode {
        case EADDRINUSE:
            return OuroError(
                .invalidRequest, field: "port",
                "cannot listen on port \(port) of \(host): \(reason); choose another port, or 0 for any free one")
        case EACCES:
            return OuroError(
                .invalidRequest, field: "port",
                "cannot listen on port \(port) of \(host): \(reason); choose a port from 1024, or run with more rights")
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            return OuroError(
                .invalidRequest, field: "host",
                "cannot listen on \(host): \(reason); give an address of this machine")
        default: return nil
        }
    }
}
