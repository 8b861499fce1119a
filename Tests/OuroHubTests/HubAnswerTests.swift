import Foundation
import NIOHTTP1
import Ouro
import Synchronization
import Testing

@testable import OuroHub

/// Tests how the answers of a hub are handled.
@Suite struct HubAnswerTests {
    private let home = TemporaryHome()

    @Test func theTokenDoesNotFollowARedirectToAnotherHost() async throws {
        let store = try await FakeHub()
        defer { store.stop() }
        let hub = try await FakeHub(store: store)
        defer { hub.stop() }
        _ = try await Hub(home.settings(hub, token: "secret-token")).download(.sample)
        #expect(home.bytes("model.safetensors") == hub.files["model.safetensors"])
        let own = hub.requests.withLock { $0.map { $0.headers.first(name: "authorization") } }
        #expect(Set(own) == ["Bearer secret-token"])
        let stored = store.requests.withLock { $0 }
        #expect(stored.map(\.path) == ["/store/model.safetensors"])
        #expect(stored.allSatisfy { !$0.headers.contains { $0.value.contains("secret-token") } })
    }

    @Test func aRedirectOfTheHubItselfKeepsTheToken() async throws {
        let hub = try await FakeHub { request, hub in
            guard request.path.hasPrefix("/api/models/org/old") else { return nil }
            return FakeHub.Response(
                status: .temporaryRedirect, headers: ["location": "/api/models/org/model/revision/main"])
        }
        defer { hub.stop() }
        let settings = try home.settings(hub, token: "t")
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(HubRepository("org/old"))
        }
        // The list came through the redirect. The old name has no files.
        #expect(error?.message.contains("no such file") == true, "\(error as Any)")
        #expect(hub.requests.withLock { $0.allSatisfy { $0.headers.first(name: "authorization") == "Bearer t" } })
    }

    @Test(arguments: [
        (401, "", "set HF_TOKEN"), (401, "GatedRepo", "accept its terms"), (403, "GatedRepo", "accept its terms"),
        (404, "RevisionNotFound", "no revision 'main'"), (404, "RepoNotFound", "no model org/model"),
        (404, "", "no model org/model"), (418, "", "unexpected status"),
    ])
    func refusalsSayWhatToDoAndAreNotRepeated(status: Int, code: String, text: String) async throws {
        let hub = try await FakeHub { _, _ in
            FakeHub.Response(
                status: .init(statusCode: status), headers: ["x-error-code": code, "x-error-message": "because"])
        }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.code == .failedDownload)
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("[\(status)]") == true)
        #expect(hub.requests.withLock { $0.count } == 1)
    }

    @Test func aMissingFileIsNamed() async throws {
        let hub = try await FakeHub { request, _ in
            request.isFile("config.json", .HEAD)
                ? FakeHub.Response(status: .notFound, headers: ["x-error-code": "EntryNotFound"]) : nil
        }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.description == "config.json: org/model has no such file at revision 'main' [404]")
    }

    @Test(arguments: [429, 500, 502, 503, 504])
    func passingTroubleIsWaitedFor(status: Int) async throws {
        let hub = try await FakeHub { request, _ in
            request.earlier < 2
                ? FakeHub.Response(status: .init(statusCode: status), headers: ["retry-after": "0"]) : nil
        }
        defer { hub.stop() }
        _ = try await Hub(home.settings(hub)).download(.sample)
        #expect(home.bytes("config.json") == hub.files["config.json"])
    }

    @Test(arguments: [(429, "too many requests"), (503, "has a problem")])
    func troubleThatStaysIsAnError(status: Int, text: String) async throws {
        let hub = try await FakeHub { _, _ in FakeHub.Response(status: .init(statusCode: status)) }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
        #expect(hub.requests.withLock { $0.count } == settings.retry.attempts)
    }

    @Test func retryAfterIsObeyedWithinReason() async throws {
        let hub = try await FakeHub { request, _ in
            request.earlier == 0 ? FakeHub.Response(status: .tooManyRequests, headers: ["retry-after": "1"]) : nil
        }
        defer { hub.stop() }
        var patient = try home.settings(hub)
        let pauses = Mutex<[Duration]>([])
        patient.retry.report = { _, pause in pauses.withLock { $0.append(pause) } }
        _ = try await Hub(patient).download(.sample, files: FilePatterns(include: ["none", "config.json"]))
        #expect(pauses.withLock { Set($0) } == [.seconds(1)])

        let strict = try await FakeHub { _, _ in
            FakeHub.Response(status: .tooManyRequests, headers: ["retry-after": "3600"])
        }
        defer { strict.stop() }
        let settings = try home.settings(strict)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.message.contains("asks to wait 3600 s") == true, "\(error?.message ?? "")")
    }

    @Test func anExpiredAddressOfTheStoreIsAskedForAnew() async throws {
        let store = try await FakeHub { request, _ in
            request.earlier == 0 ? FakeHub.Response(status: .forbidden) : nil
        }
        defer { store.stop() }
        let hub = try await FakeHub(store: store)
        defer { hub.stop() }
        _ = try await Hub(home.settings(hub)).download(.sample)
        #expect(home.bytes("model.safetensors") == hub.files["model.safetensors"])
        #expect(hub.requests.withLock { $0.count { $0.isFile("model.safetensors") } } == 2)
    }

    @Test func noConnectionIsAnError() async throws {
        let hub = try await FakeHub()
        let settings = try home.settings(hub)
        try await hub.close()
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.code == .failedDownload)
        #expect(error?.message.contains("HF_HUB_OFFLINE") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: ["../evil", "/etc/passwd", "a/../../b", "a//b", "a\\\\b", "", ".", "a/\\u0000", "a\\n"])
    func hostilePathsStopEverything(path: String) async throws {
        let hub = try await FakeHub { request, _ in
            guard request.path.hasPrefix("/api/") else { return nil }
            let text =
                "{\"sha\":\"\(FakeHub.commit)\",\"siblings\":[{\"rfilename\":\"\(path)\"},{\"rfilename\":\"config.json\"}]}"
            return FakeHub.Response(body: Array(text.utf8))
        }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in
            try await Hub(settings).download(.sample, files: FilePatterns(include: ["*"]))
        }
        #expect(error?.message.contains("could lead out of the folder") == true, "\(error as Any)")
        #expect(hub.requests.withLock { $0.count } == 1)
    }

    @Test(arguments: [
        ("{}", "sha"), ("[", "line 1, column 2: expected a value"),
        ("{\"sha\":\"../..\",\"siblings\":[]}", "40 hexadecimal digits"),
        ("{\"sha\":\"a\",\"sha\":\"b\",\"siblings\":[]}", "twice"),
        ("{\"sha\":\"0123456789012345678901234567890123456789\",\"siblings\":[]}", "none of its 0 files"),
    ])
    func malformedListsAreErrors(text: String, message: String) async throws {
        let hub = try await FakeHub { _, _ in FakeHub.Response(body: Array(text.utf8)) }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.description.contains(message) == true, "\(error as Any)")
    }

    @Test(arguments: [
        ("x-linked-etag", "../../x", "hash"), ("x-linked-etag", "W/\"abc\"", "hash"), ("x-linked-size", "-1", "size"),
        ("x-linked-size", "9223372036854775807", "size"), ("x-linked-size", "many", "size"),
        ("x-repo-commit", "other", "commit"),
    ])
    func malformedHeadersAreErrors(name: String, value: String, message: String) async throws {
        let hub = try await FakeHub { request, hub in
            guard request.isFile("config.json", .HEAD) else { return nil }
            var response = hub.rightAnswer(request)
            response.headers.replaceOrAdd(name: name, value: value)
            return response
        }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.message.contains(message) == true, "\(error as Any)")
        #expect(error?.file == "config.json")
    }

    @Test(arguments: ["", "ftp://127.0.0.1/x", "file:///etc/passwd"])
    func redirectsLeadToTheWebOnly(location: String) async throws {
        let hub = try await FakeHub { _, _ in FakeHub.Response(status: .found, headers: ["location": location]) }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.message.contains("redirect") == true, "\(error as Any)")
    }
}
