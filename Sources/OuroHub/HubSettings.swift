import Foundation
import Ouro

/// The hub's address, the token, the cache and the proxies.
///
/// The defaults come from the environment variables that Hugging Face's tools read:
///
/// - `HF_ENDPOINT`: the address of the hub.
/// - `HF_TOKEN`, or the file `HF_TOKEN_PATH` (default: `HF_HOME/token`): the token.
/// - `HF_HUB_CACHE` (default: `HF_HOME/hub`): the cache.
/// - `HF_HOME` (default: `huggingface` in `XDG_CACHE_HOME` or in `~/.cache`).
/// - `HF_HUB_OFFLINE`: whether the network is not used.
/// - `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, also in lower case: the proxies.
/// - `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`: the certificates.
public struct HubSettings: Sendable {
    /// The hub's address: scheme, host, and optionally a port and a path. It has no slash at the end.
    public var endpoint: URL
    /// The access token. It is sent to the endpoint's host only, never to the target of a redirect.
    public var token: String?
    /// The cache: the folder that contains `models--ORG--NAME`.
    public var cache: URL
    /// Whether the network is not used.
    public var isOffline: Bool
    /// The proxy for `https` addresses. The address may contain a name and a password. Its scheme is `http`, `https`,
    /// `socks4`, `socks4a`, `socks5` or `socks5h`. The default port is 8080 for `http`, 443 for `https`, else 1080.
    public var proxy: URL?
    /// The proxy for `http` addresses.
    public var httpProxy: URL?
    /// Hosts to connect to without a proxy. An entry is a host or a domain with its subdomains, optionally with `:PORT`; a
    /// block of IPv4 addresses such as `10.0.0.0/8`; or `*` for all hosts.
    public var proxyExceptions: [String]
    /// A file of trusted certificates in PEM format. Nil uses those of the system.
    public var certificates: URL?
    /// The maximum number of files to download concurrently.
    public var parallelFiles = 4
    /// The number of attempts and the pauses for failed requests.
    public var retry = HubRetry()

    private static let defaultEndpoint = "https://huggingface.co"

    /// Reads the settings from environment variables.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` for an invalid address or token. It names the variable.
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
                .invalidRequest, field: "HF_TOKEN",
                "expected visible ASCII characters, found others in the token; copy it again")
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

/// The number of attempts and the pauses for failed requests.
public struct HubRetry: Sendable {
    /// The number of consecutive requests that may fail. A request that received bytes resets the count.
    public var attempts = 6
    /// The pause after the first failure. It doubles with every further failure, and half of it is random.
    public var firstPause = Duration.milliseconds(500)
    /// The longest pause. A server that asks for a longer one ends the download.
    public var longestPause = Duration.seconds(60)
    /// Gets every failure and the pause before the next attempt. It is called from any thread.
    public var report: @Sendable (OuroError, Duration) -> Void = { _, _ in }

    /// Makes the default: six attempts, with pauses from half a second to a minute.
    public init() {}

    /// The pause after a number of consecutive failures, from 1. `asked` is the pause that the server asks for.
    func pause(after failures: Int, asked: Duration?) -> Duration {
        let full = min(firstPause * (1 << min(failures - 1, 16)), longestPause)
        return max(full * Double.random(in: 0.5...1), asked ?? .zero)
    }
}
