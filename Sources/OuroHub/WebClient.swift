import Foundation
import OuroHubC
import Synchronization

/// Sends requests over HTTP/1.1, with TLS and through proxies. It uses the system's libcurl.
///
/// Every exchange runs on its own thread. Connections stay open for the next exchange with the same host.
package final class WebClient: Sendable {
    /// The time limit for a connection, including its encryption.
    private static let connectLimit = Duration.seconds(10)
    /// The longest time without a byte from the server.
    private static let silenceLimit = Duration.seconds(30)

    private let proxies: ProxySettings
    private let certificates: URL?
    private let idle = Mutex<[WebConnection]>([])

    /// - Parameters:
    ///   - proxies: the proxies, and the hosts without one.
    ///   - certificates: a file of trusted certificates. Nil uses those of the system.
    init(proxies: ProxySettings, certificates: URL?) {
        (self.proxies, self.certificates) = (proxies, certificates)
    }

    /// Makes a client without proxies.
    package convenience init() { self.init(proxies: ProxySettings(), certificates: nil) }

    deinit {
        for connection in idle.withLock({ $0 }) { ouro_http_connection_free(connection.handle) }
    }

    /// Sends a `GET` request and returns the status. The body is dropped. Redirects are not followed.
    package func status(of url: URL, within limit: Duration) async throws(WebFailure) -> Int {
        do {
            return try await exchange(WebRequest(url: url, wanted: [], timeLimit: limit)).status
        } catch {
            switch error {
            case .failed(let failure): throw failure
            case .refused(let failure): throw WebFailure(kind: .permanent, text: failure.error.message)
            }
        }
    }

    /// Sends a request, and passes the response to the sink while it arrives. Redirects are not followed.
    ///
    /// Cancelling the task ends the exchange within a second.
    func exchange(_ request: WebRequest, into sink: (any WebSink)? = nil) async throws(WebError) -> WebHead {
        let connection = try connect()
        let exchange = WebExchange(
            request, sink: sink, proxy: proxies.proxy(for: request.url), certificates: certificates,
            connectLimit: request.timeLimit.map { min($0, Self.connectLimit) } ?? Self.connectLimit,
            silenceLimit: Self.silenceLimit)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread { continuation.resume(returning: exchange.run(on: connection)) }
            }
        } onCancel: {
            exchange.cancel()
        }
        idle.withLock { $0.append(connection) }
        return try result.get()
    }

    private func connect() throws(WebError) -> WebConnection {
        if let connection = idle.withLock({ $0.popLast() }) { return connection }
        guard ouro_http_load() else {
            throw .failed(
                WebFailure(
                    kind: .permanent,
                    text: "the system has no libcurl, which downloads need; install it (Debian and Ubuntu: libcurl4, "
                        + "Fedora: libcurl), or copy the model's folder to this machine and give its path"))
        }
        guard let handle = ouro_http_connection_new() else {
            throw .failed(WebFailure(kind: .permanent, text: "not enough memory for a connection"))
        }
        return WebConnection(handle: handle)
    }
}

/// A connection of libcurl. Only one exchange uses it at a time.
struct WebConnection: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer
}
