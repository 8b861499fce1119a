import Foundation
import NIOCore
import Ouro

/// Where a server listens, and what it allows.
public struct ServerOptions: Sendable {
    /// Name or address to listen at.
    public var host = "127.0.0.1"
    /// 0 takes any free port.
    public var port = 8080
    /// If set, requests need `Authorization: Bearer KEY`.
    public var apiKey: String?
    /// Allow a public address without a key.
    public var isInsecure = false
    /// Generations that run at once.
    public var maxRunning = 64
    /// Generations that wait beyond those.
    public var maxQueued = 256
    /// Bytes of a request's body.
    public var maxBodyBytes = 8 << 20
    /// Seconds for a request's header and body to arrive.
    public var arrivalSeconds = 30
    /// Seconds for a whole request.
    public var requestSeconds = 600
    /// Seconds that running requests get when the server is to end.
    public var drainSeconds = 30
    /// Value of `Access-Control-Allow-Origin`; nil sends none.
    public var corsOrigin: String?
    /// Tokens that a chat gets if it does not say.
    public var defaultChatTokens = 4096
    /// The clock of all limits. Nil takes the machine's; tests give one that they move themselves.
    package var clock: (any Clock<Duration>)?

    /// The defaults: port 8080 of this machine alone, without a key.
    public init() {}

    /// Checks everything that can be checked without asking the system for the host's address.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` for values out of range, and for a public address without a key.
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

    /// Checks that the host exists, and that it has a key if others can reach it. Blocks while a name is looked up.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest`.
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
                "\(host) can be reached by others: give --api-key, or --insecure if something else guards it")
        }
    }

    private var noSuchHost: OuroError {
        OuroError(
            .invalidRequest, field: "host", "no such host: '\(host)'; give an address or a name of this machine")
    }

    /// What is wrong with host or port if the system refuses to listen there; nil for another error.
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
                "cannot listen on port \(port) of \(host): \(reason); ports below 1024 may need more rights")
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            return OuroError(
                .invalidRequest, field: "host",
                "cannot listen on \(host): \(reason); give an address of this machine")
        default: return nil
        }
    }
}
