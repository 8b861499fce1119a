import Foundation
import Testing

@testable import OuroServer

/// Who may use a server: hosts, origins, types of bodies.
@Suite struct AccessTests {
    private static let body = #"{"prompt":"x","max_tokens":1}"#

    @Test func foreignHostsAreRefusedWithoutAKey() async throws {
        try await RouterClient.with({ $0.allowedHosts = ["Ouro.example.org"] }) { (server: RouterClient) async throws in
            for host in [
                "localhost", "LOCALHOST:8080", "app.localhost:80", "127.0.0.1", "127.0.0.1:18080", "127.9.9.9",
                "[::1]:8080",
                "[::1]", "ouro.example.org", "ouro.example.org:8080", "ouro.example.org.",
            ] {
                #expect(try await server.get("/v1/models", headers: ["Host": host]).status == 200, "\(host)")
            }
            for host in [
                "evil.com", "evil.com:18080", "localhost.evil.com", "127.0.0.1.evil.com", "192.168.1.5",
                "[2001:db8::1]:80",
                "xouro.example.org", "", ":80", "127.evil.com",
            ] {
                let answer = try await server.get("/v1/models", headers: ["Host": host])
                #expect(answer.status == 403, "\(host)")
                #expect(try await server.get("/", headers: ["Host": host]).status == 403, "\(host)")
                #expect(try await server.get("/health", headers: ["Host": host]).status == 200, "\(host)")
            }
        }
    }

    /// A public address is reached by its number, which no page can make its own name. Names must be allowed.
    @Test func aPublicServerIsReachedByItsAddress() async throws {
        try await RouterClient.with({ ($0.host, $0.isInsecure) = ("0.0.0.0", true) }) {
            (server: RouterClient) async throws in
            #expect(try await server.get("/v1/models", headers: ["Host": "192.168.1.5:8080"]).status == 200)
            #expect(try await server.get("/v1/models", headers: ["Host": "evil.com"]).status == 403)
        }
        try await RouterClient.with({ ($0.host, $0.isInsecure, $0.allowedHosts) = ("0.0.0.0", true, ["*"]) }) {
            (server: RouterClient) async throws in
            #expect(try await server.get("/v1/models", headers: ["Host": "any.example.org"]).status == 200)
        }
    }

    @Test func foreignOriginsAreRefusedWithoutAKey() async throws {
        try await RouterClient.with { (server: RouterClient) async throws in
            func status(_ headers: [String: String], _ path: String = "/v1/models") async throws -> Int {
                try await server.get(path, headers: headers.merging(["Host": "localhost:8080"]) { a, _ in a }).status
            }
            #expect(try await status(["Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"]) == 200)
            #expect(try await status(["Sec-Fetch-Site": "none"], "/") == 200)
            for headers in [
                ["Origin": "https://evil.com"], ["Origin": "null"], ["Origin": "http://localhost:3000"],
                ["Origin": "http://evil.com:8080", "Host": "evil.com:8080"], ["Sec-Fetch-Site": "cross-site"],
                ["Sec-Fetch-Site": "same-site"], ["Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"],
            ] {
                #expect(try await status(headers) == 403, "\(headers)")
                #expect(try await status(headers, "/health") == 200, "\(headers)")
            }
            let link = ["Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"]
            #expect(try await status(link, "/") == 200, "a link to the page")
        }
        try await RouterClient.with({ $0.corsOrigin = "https://app.example.org" }) {
            (server: RouterClient) async throws in
            let mine = ["Host": "localhost", "Origin": "https://app.example.org", "Sec-Fetch-Site": "cross-site"]
            #expect(try await server.get("/v1/models", headers: mine).status == 200)
            #expect(try await server.get("/v1/models", headers: ["Origin": "https://evil.com"]).status == 403)
        }
        try await RouterClient.with({ $0.apiKey = "key" }) { (server: RouterClient) async throws in
            let headers = ["Host": "any.example.org", "Origin": "https://evil.com", "Authorization": "bearer key"]
            #expect(try await server.get("/v1/models", headers: headers).status == 200, "the key protects")
        }
    }

    @Test func bodiesAreJSON() async throws {
        try await RouterClient.with { (server: RouterClient) async throws in
            func status(_ headers: [String: String]) async throws -> Int {
                try await server.post("/v1/completions", Self.body, headers: headers).status
            }
            for type in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"] {
                #expect(try await status(["Content-Type": type]) == 200, "\(type)")
            }
            for type in ["text/plain", "multipart/form-data; boundary=x", "text/json", "application/xml", "json"] {
                #expect(try await status(["Content-Type": type]) == 415, "\(type)")
            }
            // What curl -d sends, and what a form of a page sends.
            let form = "application/x-www-form-urlencoded"
            #expect(try await status(["Content-Type": form]) == 200)
            let page = ["Host": "localhost", "Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"]
            #expect(try await status(page.merging(["Content-Type": form]) { a, _ in a }) == 415)
            #expect(try await status(page) == 415)
            #expect(try await status(page.merging(["Content-Type": "application/json"]) { a, _ in a }) == 200)
            #expect(try await status(["Content-Encoding": "gzip", "Content-Type": "application/json"]) == 415)
            #expect(try await status(["Content-Encoding": "identity"]) == 200)
        }
    }

    @Test func browsersMayAskForTheHeadersThatTheySend() async throws {
        try await RouterClient.with({ ($0.corsOrigin, $0.apiKey) = ("https://app.example.org", "key") }) {
            (server: RouterClient) async throws in
            let asked = "authorization,content-type,x-stainless-os, x-stainless-retry-count"
            let answer = try await server.send(
                "OPTIONS", "/v1/chat/completions", nil,
                headers: [
                    "Origin": "https://app.example.org", "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": asked,
                ])
            #expect(answer.status == 204)
            #expect(
                answer.headers["access-control-allow-headers"]
                    == "authorization, content-type, x-stainless-os, x-stainless-retry-count")
            #expect(answer.headers["access-control-allow-origin"] == "https://app.example.org")
            #expect(answer.headers["access-control-max-age"] == "86400")
            let foreign = try await server.send(
                "OPTIONS", "/v1/chat/completions", nil, headers: ["Origin": "https://evil.com"])
            #expect(foreign.status == 405 || foreign.status == 401)
        }
    }

    @Test(arguments: ["bearer", "Bearer", "BEARER"]) func theSchemeOfAKeyHasAnyCase(scheme: String) async throws {
        try await RouterClient.with({ $0.apiKey = "key" }) { (server: RouterClient) async throws in
            #expect(try await server.get("/v1/models", headers: ["Authorization": "\(scheme) key"]).status == 200)
            #expect(try await server.get("/v1/models", headers: ["Authorization": "\(scheme) Key"]).status == 401)
            #expect(try await server.get("/health/").status == 200)
        }
    }

    @Test func metricsMayNeedNoKey() async throws {
        try await RouterClient.with({ ($0.apiKey, $0.opensMetrics) = ("key", true) }) {
            (server: RouterClient) async throws in
            #expect(try await server.get("/metrics").status == 200)
            #expect(try await server.get("/v1/models").status == 401)
        }
    }

    @Test func namesOfModelsAreDecoded() async throws {
        #expect(Routes.segments(of: "/v1//models/org%2Fmodel/") == ["v1", "models", "org/model"])
        #expect(Routes.segments(of: "/a%zz%4") == ["a%zz%4"])
        #expect(Routes.segments(of: "/%C3%A9%+f") == ["é%+f"])
        try await RouterClient.with { (server: RouterClient) async throws in
            #expect(try await server.get("/v1/models/code%5Flm").status == 200)
            #expect(try await server.get("/v1/models/code_lm?x=1").status == 200)
            #expect(try await server.get("/v1/models/").status == 200)
            #expect(try await server.get("/v1/models/code_lm/more").status == 404)
        }
    }

    @Test func otherMethodsAreNamed() async throws {
        try await RouterClient.with { (server: RouterClient) async throws in
            let answer = try await server.get("/v1/chat/completions")
            #expect(answer.status == 405 && answer.headers["allow"] == "POST")
            #expect(try await server.send("DELETE", "/health", nil).headers["allow"] == "GET, HEAD")
            #expect(try await server.send("HEAD", "/health", nil).status == 200)
            #expect(try await server.get("/nothing").status == 404)
        }
    }
}
