import Foundation
import OuroHubC
import Synchronization

/// One request and its response.
///
/// One thread runs the exchange. Only that thread uses the sink until the exchange has ended. Any thread may cancel it.
final class WebExchange: @unchecked Sendable {
    private let request: WebRequest
    private let sink: (any WebSink)?
    private let proxy: URL?
    private let certificates: URL?
    private let connectLimit: Duration
    private let silenceLimit: Duration
    private let isCancelled = Atomic(false)

    private var reader = WebHeadReader()
    private var refusal: HubFailure?
    private var droppedBytes = 0

    /// The longest unwanted body that is read to its end, in bytes. Reading it keeps the connection usable.
    private static let dropLimit = 64 << 10

    init(
        _ request: WebRequest, sink: (any WebSink)?, proxy: URL?, certificates: URL?, connectLimit: Duration,
        silenceLimit: Duration
    ) {
        (self.request, self.sink, self.proxy, self.certificates) = (request, sink, proxy, certificates)
        (self.connectLimit, self.silenceLimit) = (connectLimit, silenceLimit)
    }

    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Blocks the calling thread until the exchange has ended.
    func run(on connection: WebConnection) -> Result<WebHead, WebError> {
        if isCancelled.load(ordering: .relaxed) { return .failure(.failed(Self.cancelled)) }
        let result = perform(on: connection)
        if let refusal { return .failure(.refused(refusal)) }
        if result.outcome == OURO_HTTP_STOPPED, isCancelled.load(ordering: .relaxed) {
            return .failure(.failed(Self.cancelled))
        }
        // With a long unwanted body the exchange was stopped. Its head is complete, so it counts as a response.
        let isEnd = result.outcome == OURO_HTTP_DONE || (result.outcome == OURO_HTTP_STOPPED && reader.isComplete)
        guard isEnd, let head = reader.head else { return .failure(.failed(failure(result))) }
        return .success(head)
    }

    private func perform(on connection: WebConnection) -> ouro_http_result {
        let fields = request.fields.all.map { strdup("\($0.name): \($0.value)") }
        defer { for field in fields { free(field) } }
        let url = strdup(request.url.absoluteString)
        let proxy = strdup(proxy?.absoluteString ?? "")
        let certificates = certificates.flatMap { strdup($0.path) }
        defer { for text in [url, proxy, certificates] { free(text) } }
        let pointers = fields.map { UnsafePointer($0) }
        return pointers.withUnsafeBufferPointer { pointers in
            var request = ouro_http_request(
                url: url, proxy: proxy, certificates: certificates, headers: pointers.baseAddress,
                header_count: pointers.count, is_head: request.isHead, connect_limit: Self.milliseconds(connectLimit),
                silence_limit: Int(silenceLimit.components.seconds),
                total_limit: request.timeLimit.map(Self.milliseconds) ?? 0,
                context: Unmanaged.passUnretained(self).toOpaque(),
                header: { context, line, count in
                    WebExchange.from(context)?.takeLine(UnsafeRawBufferPointer(start: line, count: count)) ?? false
                },
                body: { context, bytes, count in
                    WebExchange.from(context)?.takeBytes(UnsafeRawBufferPointer(start: bytes, count: count)) ?? false
                },
                is_cancelled: { context in
                    WebExchange.from(context)?.isCancelled.load(ordering: .relaxed) ?? true
                })
            return ouro_http_perform(connection.handle, &request)
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> WebExchange? {
        context.map { Unmanaged<WebExchange>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func milliseconds(_ duration: Duration) -> Int { max(1, Int(duration / .milliseconds(1))) }

    private var isWanted: Bool { reader.head.map { request.wanted.contains($0.status) } ?? false }

    private func takeLine(_ line: UnsafeRawBufferPointer) -> Bool {
        let wasComplete = reader.isComplete
        guard reader.add(line) else { return false }
        guard reader.isComplete, !wasComplete, isWanted, let head = reader.head else { return true }
        return offer { sink throws(HubFailure) in try sink.begin(head) }
    }

    private func takeBytes(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if isWanted { return offer { sink throws(HubFailure) in try sink.receive(bytes) } }
        droppedBytes += bytes.count
        return droppedBytes <= Self.dropLimit
    }

    /// Calls the sink. Returns false, and keeps the error, if the sink throws.
    private func offer(_ body: (any WebSink) throws(HubFailure) -> Void) -> Bool {
        guard let sink else { return true }
        do {
            try body(sink)
            return true
        } catch {
            refusal = error
            return false
        }
    }

    private static let cancelled = WebFailure(kind: .cancelled, text: "cancelled")

    private func failure(_ result: ouro_http_result) -> WebFailure {
        let message = withUnsafeBytes(of: result.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let proxyName = proxy.map { "the proxy \($0.hostAndPath)" } ?? "the proxy"
        switch result.outcome {
        case OURO_HTTP_UNKNOWN_PROXY:
            return WebFailure(kind: .network, text: "\(proxyName) is not a known host")
        case OURO_HTTP_UNKNOWN_HOST:
            return WebFailure(kind: .network, text: "\(request.url.host ?? "") is not a known host")
        case OURO_HTTP_NO_CONNECTION:
            let reason = result.system_error == 0 ? message : String(cString: strerror(result.system_error))
            let place = proxy == nil ? "no server there" : proxyName
            return WebFailure(kind: .network, text: "\(place): \(HubFailure.clean(reason))")
        case OURO_HTTP_CONNECT_TIMEOUT, OURO_HTTP_TIMEOUT:
            let text =
                if let limit = request.timeLimit {
                    "no answer within \(limit)"
                } else if result.outcome == OURO_HTTP_TIMEOUT {
                    "no bytes within \(silenceLimit)"
                } else {
                    "no connection within \(connectLimit)"
                }
            return WebFailure(kind: .network, text: text)
        case OURO_HTTP_CUT:
            return WebFailure(kind: .network, text: "the connection was cut")
        case OURO_HTTP_PROXY_REFUSED where result.proxy_status == 407:
            return WebFailure(kind: .permanent, text: Self.credentialsText(proxyName))
        case OURO_HTTP_PROXY_REFUSED:
            let reason = result.proxy_status > 0 ? "status \(result.proxy_status)" : HubFailure.clean(message)
            return WebFailure(
                kind: (400...499).contains(result.proxy_status) ? .permanent : .network,
                text: "\(proxyName) refuses the connection: \(reason); ask who runs it, or add the host to NO_PROXY")
        case OURO_HTTP_UNTRUSTED:
            return WebFailure(
                kind: .permanent,
                text: "the server's certificate is not trusted (\(HubFailure.clean(message))); install the system's "
                    + "certificates (ca-certificates), or name a file of them in SSL_CERT_FILE")
        case OURO_HTTP_STOPPED:
            return WebFailure(kind: .network, text: "the head of the response is not HTTP, or is too long")
        default:
            return WebFailure(kind: .network, text: HubFailure.clean(message))
        }
    }

    /// The message for a proxy that needs credentials.
    static func credentialsText(_ proxyName: String) -> String {
        "\(proxyName) needs a valid name and password; write them into the proxy's address in HTTPS_PROXY or "
            + "HTTP_PROXY: http://NAME:PASSWORD@HOST:PORT"
    }
}
