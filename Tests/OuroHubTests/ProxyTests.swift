import Foundation
import NIOHTTP1
import Ouro
import Testing

@testable import OuroHub

/// Tests which proxy is used, what it receives, and how its refusals are reported.
@Suite struct ProxyTests {
    private let home = TemporaryHome()

    /// Settings for a hub that is reached through a proxy, unless `exceptions` lists its host.
    private func settings(
        endpoint: String, proxy: FakeHub, credentials: String = "", exceptions: String = ""
    ) throws -> HubSettings {
        var settings = try HubSettings(environment: [
            "HF_HOME": home.url.path, "HF_ENDPOINT": endpoint, "HF_TOKEN": "secret-token", "NO_PROXY": exceptions,
            "http_proxy": "http://\(credentials)127.0.0.1:\(proxy.port)/",
            "https_proxy": "http://\(credentials)127.0.0.1:\(proxy.port)/",
        ])
        settings.retry.firstPause = .milliseconds(1)
        settings.retry.attempts = 2
        return settings
    }

    @Test func aProxyBringsTheFilesAndLearnsTheNameAndThePassword() async throws {
        let proxy = try await FakeHub()
        defer { proxy.stop() }
        let settings = try settings(endpoint: "http://hub.invalid", proxy: proxy, credentials: "me:p%40ss@")
        _ = try await Hub(settings).download(.sample)
        #expect(home.bytes("model.safetensors") == proxy.files["model.safetensors"])
        let requests = proxy.requests.withLock { $0 }
        #expect(requests.allSatisfy { $0.uri.hasPrefix("http://hub.invalid/") }, "\(requests.map(\.uri))")
        let credentials = "Basic " + Data("me:p@ss".utf8).base64EncodedString()
        #expect(Set(requests.map { $0.headers.first(name: "proxy-authorization") }) == [credentials])
    }

    @Test func whatNoProxyListsIsAskedDirectly() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let proxy = try await FakeHub()
        defer { proxy.stop() }
        let settings = try settings(endpoint: hub.address, proxy: proxy, exceptions: "example.com, 127.0.0.0/8")
        _ = try await Hub(settings).download(.sample)
        #expect(home.bytes("model.safetensors") == hub.files["model.safetensors"])
        #expect(proxy.requests.withLock { $0.count } == 0)
    }

    @Test(arguments: [("http", HTTPMethod.GET), ("https", HTTPMethod.CONNECT)])
    func aProxyThatWantsCredentialsSaysSoOnce(scheme: String, method: HTTPMethod) async throws {
        let proxy = try await FakeHub { _, _ in FakeHub.Response(status: .proxyAuthenticationRequired) }
        defer { proxy.stop() }
        let settings = try settings(endpoint: "\(scheme)://hub.invalid", proxy: proxy)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.code == .failedDownload)
        #expect(error?.message.contains("http://NAME:PASSWORD@HOST:PORT") == true, "\(error as Any)")
        #expect(proxy.requests.withLock { $0.map(\.method) } == [method])
    }

    @Test func aTunnelIsAskedForWithThePasswordButWithoutTheToken() async throws {
        let proxy = try await FakeHub { _, _ in FakeHub.Response(status: .forbidden) }
        defer { proxy.stop() }
        let settings = try settings(endpoint: "https://hub.invalid", proxy: proxy, credentials: "me:word@")
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.message.contains("refuses the connection: status 403") == true, "\(error as Any)")
        #expect(error?.message.contains("word") == false)
        let requests = proxy.requests.withLock { $0 }
        #expect(requests.map(\.uri) == ["hub.invalid:443"])
        #expect(requests.first?.headers.first(name: "proxy-authorization")?.hasPrefix("Basic ") == true)
        #expect(requests.first?.headers.contains { $0.value.contains("secret-token") } == false)
    }

    @Test func aProxyThatIsNotThereIsNamedWithoutItsPassword() async throws {
        let proxy = try await FakeHub()
        let settings = try settings(endpoint: "http://hub.invalid", proxy: proxy, credentials: "me:word@")
        let port = proxy.port
        try await proxy.close()
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.message.contains("the proxy 127.0.0.1:\(port): Connection refused") == true, "\(error as Any)")
        #expect(error?.description.contains("word") == false)
    }

    @Test func theEnvironmentNamesTheProxies() throws {
        func settings(_ environment: [String: String]) throws -> HubSettings {
            try HubSettings(environment: environment.merging(["HF_HOME": "/none"]) { first, _ in first })
        }
        #expect(try settings([:]).proxy == nil)
        #expect(try settings([:]).httpProxy == nil)
        let both = try settings(["https_proxy": "http://a:1", "HTTP_PROXY": "b:2", "no_proxy": "x, y z,"])
        #expect(both.proxy?.absoluteString == "http://a:1")
        #expect(both.httpProxy?.absoluteString == "http://b:2")
        #expect(both.proxyExceptions == ["x", "y", "z"])
        let all = try settings(["ALL_PROXY": "socks5h://u:p@c", "HTTPS_PROXY": "https://a"])
        #expect(all.proxy?.absoluteString == "https://a")
        #expect(all.httpProxy?.absoluteString == "socks5h://u:p@c")
        #expect(try settings(["SSL_CERT_FILE": "/c.pem"]).certificates?.path == "/c.pem")
        for text in ["x", "ftp://a:1", "http://", "http://a:1/path", "http://u:p@ss@ word:1"] {
            let error = #expect(throws: OuroError.self) { try settings(["HTTPS_PROXY": text]) }
            #expect(error?.field == "HTTPS_PROXY")
            #expect(error?.message.contains("u:p") == false, "\(error as Any)")
        }
    }

    @Test(arguments: [
        ("https://h/x", "http://secure:8080"), ("http://h/x", "socks5://plain:1080"), ("https://other:444/", nil),
        ("https://other/", "http://secure:8080"),
    ])
    func theSchemeOfAnAddressChoosesTheProxy(address: String, proxy: String?) throws {
        let settings = ProxySettings(
            https: URL(string: "http://secure"), http: URL(string: "socks5://plain"), exceptions: ["other:444"])
        let url = try #require(URL(string: address))
        #expect(settings.proxy(for: url)?.absoluteString == proxy)
    }

    @Test(arguments: [
        ("*", "a.b", true), ("a.b", "a.b", true), ("A.b", "a.B", true), ("b", "a.b", true), (".b", "a.b", true),
        ("*.b", "a.b", true), (".b", "b", true), ("a.b", "b", false), ("b", "ab", false), ("", "a.b", false),
        ("a.b:80", "a.b", true), ("a.b:81", "a.b", false), ("10.0.0.0/8", "10.1.2.3", true),
        ("10.0.0.0/8", "11.1.2.3", false), ("0.0.0.0/0", "1.2.3.4", true), ("10.0.0.0/8", "a.b", false),
        ("10.0.0.0/33", "10.0.0.0", false), ("10.0.0/8", "10.0.0.0", false), ("::1", "::1", true),
        ("[::1]", "::1", true), ("[::1]:80", "[::1]", true), ("[::1]:81", "::1", false), ("[", "a.b", false),
    ])
    func anEntryOfNoProxyMeansAHost(entry: String, host: String, isMatch: Bool) {
        #expect(ProxySettings.isMatch(entry, host: host, port: 80) == isMatch, "'\(entry)' for '\(host)'")
    }
}
