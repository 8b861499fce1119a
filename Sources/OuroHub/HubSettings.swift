import Foundation
import Ouro

/// Where the hub is, who asks, and where files go: the environment variables that other tools of the hub obey, too.
///
/// `HF_ENDPOINT`, `HF_TOKEN` or the file `HF_TOKEN_PATH` (`HF_HOME/token`), `HF_HUB_CACHE` (`HF_HOME/hub`), `HF_HOME`
/// (`~/.cache/huggingface`, or under `XDG_CACHE_HOME`), `HF_HUB_OFFLINE`; `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
/// `NO_PROXY`, in small letters too; `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`.
public struct HubSettings: Sendable {
    /// Scheme, host and perhaps a port and path; without a slash at the end.
    public var endpoint: URL
    /// Sent to the endpoint's host only, never where it redirects to.
    public var token: String?
    /// The folder that holds `models--ORG--NAME`.
    public var cache: URL
    /// Nothing is asked of the network.
    public var isOffline: Bool
    /// The proxy for `https` addresses, perhaps with a name and a password. Its scheme is `http`, `https`, `socks4`,
    /// `socks4a`, `socks5` or `socks5h`; without a port it has 8080, 443 or 1080.
    public var proxy: URL?
    /// The proxy for `http` addresses.
    public var httpProxy: URL?
    /// Hosts that are asked without a proxy: a host, a domain with all below it, either with `:PORT`, a block of IPv4
    /// addresses such as `10.0.0.0/8`, or `*` for all.
    public var proxyExceptions: [String]
    /// A file of certificates to trust, in PEM format; nil for those of the system.
    public var certificates: URL?
    /// Files that are fetched at the same time.
    public var parallelFiles = 4
    /// How often and how patiently a failed request is repeated.
    public var retry = HubRetry()

    private static let defaultEndpoint = "https://huggingface.co"

    /// - Throws: ``OuroError`` with code `invalidRequest`, naming the variable, for an address or token that cannot be one.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws(OuroError) {
        func value(_ names: String...) -> String? {
            names.lazy.compactMap { environment[$0]?.trimmingCharacters(in: .whitespacesAndNewlines) }
                .first { !$0.isEmpty }
        }
        let userHome = value("HOME") ?? NSHomeDirectory()
        func folder(_ path: String) -> URL {
            URL(fileURLWithPath: path.hasPrefix("~/") ? userHome + path.dropFirst(1) : path)
        }
        let home =
            value("HF_HOME").map(folder)
            ?? folder(value("XDG_CACHE_HOME") ?? "~/.cache").appendingPathComponent("huggingface")
        cache = value("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE").map(folder) ?? home.appendingPathComponent("hub")
        isOffline = ["1", "ON", "YES", "TRUE"].contains(value("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")?.uppercased())
        endpoint = try Self.address(value("HF_ENDPOINT") ?? Self.defaultEndpoint, name: "HF_ENDPOINT")
        func address(_ names: String...) throws(OuroError) -> URL? {
            for name in names {
                if let text = value(name) { return try ProxySettings.address(text, variable: name) }
            }
            return nil
        }
        proxy = try address("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        httpProxy = try address("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
        proxyExceptions = ProxySettings.exceptions(value("NO_PROXY", "no_proxy") ?? "")
        certificates = value("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE").map(folder)
        let tokenFile = value("HF_TOKEN_PATH").map(folder) ?? home.appendingPathComponent("token")
        let stored = try? String(contentsOf: tokenFile, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        token = value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ?? (stored?.isEmpty == false ? stored : nil)
        if let token, !token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw OuroError(
                .invalidRequest, field: "HF_TOKEN", "expected visible ASCII characters, found others in the token")
        }
    }

    var proxies: ProxySettings { ProxySettings(https: proxy, http: httpProxy, exceptions: proxyExceptions) }

    private static func address(_ text: String, name: String) throws(OuroError) -> URL {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let url = URL(string: trimmed), let scheme = url.scheme, ["http", "https"].contains(scheme),
            let host = url.host, !host.isEmpty, url.query == nil, url.fragment == nil
        else {
            throw OuroError(
                .invalidRequest, field: name, "expected an address such as https://HOST, found '\(text.prefix(200))'")
        }
        return url
    }
}

/// How often and how patiently a failed request is repeated.
public struct HubRetry: Sendable {
    /// Requests in a row that may fail; one that brought bytes starts the count anew.
    public var attempts = 6
    /// The pause after the first failure; it doubles with every further one, and half of it is random.
    public var firstPause = Duration.milliseconds(500)
    /// The longest pause, and the longest that a server may ask for.
    public var longestPause = Duration.seconds(60)
    /// Told what failed and how long the pause is before it is repeated; called from any thread.
    public var report: @Sendable (OuroError, Duration) -> Void = { _, _ in }

    public init() {}

    /// The pause after so many failures in a row, from 1. `asked` is what the server wants.
    func pause(after failures: Int, asked: Duration?) -> Duration {
        let full = min(firstPause * (1 << min(failures - 1, 16)), longestPause)
        return max(full * Double.random(in: 0.5...1), asked ?? .zero)
    }
}
