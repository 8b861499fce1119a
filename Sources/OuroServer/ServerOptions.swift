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
    /// Whether `/metrics` needs no API key, for programs that cannot send one.
    public var opensMetrics = false
    /// Whether a public address is allowed without an API key.
    public var isInsecure = false
    /// Names of this server in the `Host` header, beside `host` and the names of this machine. `*` allows any name. Names
    /// are checked only without an API key.
    public var allowedHosts: [String] = []
    /// The maximum number of samples that run at once. A request has `n` samples for each prompt.
    public var maxRunning = 64
    /// The maximum number of samples that wait, of requests that do not run yet. Further requests are refused with status
    /// 429.
    public var maxQueued = 256
    /// The maximum size of a request's body, in bytes.
    public var maxBodyBytes = 8 << 20
    /// The time limit for a request's head to arrive, for its body to arrive, and for a client to read a part of the
    /// response, in seconds.
    public var arrivalSeconds = 30
    /// The time that a connection without a request stays open, in seconds.
    public var keepAliveSeconds = 75
    /// The time limit for answering a request, in seconds.
    public var requestSeconds = 600
    /// The time limit for running requests at shutdown, in seconds.
    public var drainSeconds = 30
    /// The origin of web pages that may use the server; `*` allows any. Nil allows only the server's own page.
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
        try check("keep-alive-seconds", keepAliveSeconds, 1...86_400)
        try check("request-seconds", requestSeconds, 1...86_400)
        try check("drain-seconds", drainSeconds, 0...3600)
        if let apiKey, apiKey.isEmpty {
            throw OuroError(.invalidRequest, field: "api-key", "the key is empty; leave it out or give one")
        }
        for name in allowedHosts where name.isEmpty || name.contains("/") || name.contains(" ") {
            throw OuroError(
                .invalidRequest, field: "allowed-hosts",
                "expected names such as ouro.example.org, without scheme and port, found '\(name)'")
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

    /// Whether the server can be reached from this machine only.
    var isLoopback: Bool { HostName(host).isLoopback }

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
