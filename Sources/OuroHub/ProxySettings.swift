import Foundation
import Ouro

/// Chooses the proxy for an address.
struct ProxySettings: Sendable {
    /// The proxy for `https` addresses.
    var https: URL?
    /// The proxy for `http` addresses.
    var http: URL?
    /// Hosts to connect to without a proxy, as in `NO_PROXY`.
    var exceptions: [String] = []

    /// The proxy for an address, with its port. Nil for none.
    func proxy(for url: URL) -> URL? {
        let scheme = url.scheme?.lowercased()
        guard let proxy = scheme == "https" ? https : http, let host = url.host else { return nil }
        let port = url.port ?? (scheme == "https" ? 443 : 80)
        guard !exceptions.contains(where: { Self.isMatch($0, host: host, port: port) }) else { return nil }
        guard proxy.port == nil, var parts = URLComponents(url: proxy, resolvingAgainstBaseURL: false) else {
            return proxy
        }
        parts.port = proxy.scheme == "https" ? 443 : proxy.scheme == "http" ? 8080 : 1080
        return parts.url
    }

    /// Whether an entry of `NO_PROXY` matches the host.
    ///
    /// An entry is `*`, a host or a domain with its subdomains, optionally with a dot before it or a port, or a block of IPv4
    /// addresses such as `10.0.0.0/8`.
    static func isMatch(_ entry: String, host: String, port: Int) -> Bool {
        let host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")).lowercased()
        var entry = entry.lowercased()
        if entry == "*" { return true }
        if entry.contains("/") { return isInBlock(host, entry) }
        if entry.hasPrefix("["), let end = entry.firstIndex(of: "]") {
            let rest = entry[entry.index(after: end)...]
            guard rest.isEmpty || rest == ":\(port)" else { return false }
            return entry.dropFirst().prefix { $0 != "]" } == host
        }
        // An entry with more than one colon is an IPv6 address, without a port.
        let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard parts[1] == "\(port)" else { return false }
            entry = String(parts[0])
        }
        let name = entry.hasPrefix("*.") ? entry.dropFirst(2) : entry.hasPrefix(".") ? entry.dropFirst() : entry[...]
        return !name.isEmpty && (host == name || host.hasSuffix("." + name))
    }

    private static func isInBlock(_ host: String, _ block: String) -> Bool {
        let parts = block.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let length = Int(parts[1]), (0...32).contains(length), let base = address(parts[0]),
            let address = address(host[...])
        else { return false }
        let mask = length == 0 ? 0 : UInt32.max << UInt32(32 - length)
        return base & mask == address & mask
    }

    /// Reads an IPv4 address of four decimal numbers.
    private static func address(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let part else { return nil }
            address = address << 8 | UInt32(part)
        }
        return address
    }
}

extension ProxySettings {
    private static let schemes: Set = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

    /// Reads the address of a proxy: `SCHEME://NAME:PASSWORD@HOST:PORT` or `HOST:PORT`.
    ///
    /// - Throws: `OuroError` with code `invalidRequest`. It names the variable, and does not repeat a password.
    static func address(_ text: String, variable: String) throws(OuroError) -> URL {
        var full = text
        if !text.contains("://"), let last = text.split(separator: ":").last, text.contains(":"),
            UInt16(last.drop { $0 == "/" }) != nil
        {
            full = "http://" + text
        }
        if full.hasSuffix("/") { full = String(full.dropLast()) }
        guard let url = URL(string: full), let scheme = url.scheme?.lowercased(), schemes.contains(scheme),
            let host = url.host, !host.isEmpty, url.path.isEmpty, url.query == nil, url.fragment == nil
        else {
            let found = text.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
            throw OuroError(
                .invalidRequest, field: variable,
                "expected the address of a proxy such as http://HOST:PORT or http://NAME:PASSWORD@HOST:PORT (write @ in "
                    + "a password as %40), found '\(found.prefix(200))'")
        }
        return url
    }

    /// Reads a list of hosts, separated by commas or spaces.
    static func exceptions(_ text: String) -> [String] {
        text.split { $0 == "," || $0.isWhitespace }.map(String.init)
    }
}
