import NIOCore

/// The name or address of a host, without port, in a form that can be compared.
struct HostName: Equatable {
    let text: String

    /// - Parameter name: a name or an address; an IPv6 address with or without brackets.
    init(_ name: String) {
        var name = Substring(name.lowercased())
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        if name.hasSuffix(".") { name = name.dropLast() }
        text = String(name)
    }

    /// - Parameter authority: the value of a Host header: a host, perhaps with a port.
    init(authority: String) {
        let digits = authority.reversed().prefix { $0.isASCII && $0.isNumber }.count
        let border = authority.index(authority.endIndex, offsetBy: -digits)
        let hasPort = border > authority.startIndex && authority[authority.index(before: border)] == ":"
        let rest = hasPort ? authority[..<authority.index(before: border)] : authority[...]
        // Without brackets, an address with several colons has no port.
        self.init(rest.contains(":") && !rest.hasPrefix("[") ? authority : String(rest))
    }

    var isAddress: Bool { (try? SocketAddress(ipAddress: text, port: 0)) != nil }

    /// Whether the name can only mean this machine.
    var isLoopback: Bool {
        if text == "localhost" || text.hasSuffix(".localhost") || text == "::1" { return true }
        return isAddress && (text.hasPrefix("127.") || text.hasPrefix("::ffff:127."))
    }
}
