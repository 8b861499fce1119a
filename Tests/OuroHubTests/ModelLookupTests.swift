import Foundation
import Ouro
import Testing

@testable import OuroHub

/// Tests finding a model's folder by its name, and reading settings from the environment.
@Suite struct ModelLookupTests {
    private let home = TemporaryHome()

    @Test func aCachedModelIsFoundWithoutAskingTheHub() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let first = try await Hub(home.settings(hub)).model(.sample)
        let count = hub.requests.withLock { $0.count }
        for settings in [try home.settings(hub), try home.settings(hub, offline: true)] {
            #expect(try await Hub(settings).model(.sample) == first)
            #expect(try await Hub(settings).model(HubRepository("org/model", revision: FakeHub.commit)) == first)
        }
        #expect(hub.requests.withLock { $0.count } == count)
    }

    @Test func offlineSaysWhatIsMissing() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let offline = try home.settings(hub, offline: true)
        let nothing = await hubError { () throws(OuroError) in try await Hub(offline).model(.sample) }
        #expect(nothing?.message.contains("the model is not in \(home.url.path)/hub") == true, "\(nothing as Any)")
        _ = try await Hub(home.settings(hub)).model(.sample, needsWeights: false)
        #expect(try await Hub(offline).model(.sample, needsWeights: false).path == home.snapshot.path)
        let weights = await hubError { () throws(OuroError) in try await Hub(offline).model(.sample) }
        #expect(weights?.message.contains("model.safetensors is not in") == true, "\(weights as Any)")
        let download = await hubError { () throws(OuroError) in try await Hub(offline).download(.sample) }
        #expect(download?.message.contains("HF_HUB_OFFLINE is set") == true)
    }

    @Test func aSnapshotThatLacksAShardIsCompleted() async throws {
        var files = FakeHub.modelFiles
        files["model-1.safetensors"] = files.removeValue(forKey: "model.safetensors")
        files["model-2.safetensors"] = [1, 2, 3]
        files["model.safetensors.index.json"] = Array(
            "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}}".utf8)
        let hub = try await FakeHub(files: files)
        defer { hub.stop() }
        _ = try await Hub(home.settings(hub)).download(.sample, files: FilePatterns(exclude: ["model-2*"]))
        #expect(home.bytes("model-2.safetensors") == nil)
        _ = try await Hub(home.settings(hub)).model(.sample)
        #expect(home.bytes("model-2.safetensors") == [1, 2, 3])
    }

    @Test func aSnapshotWithoutTokenizerIsCompletedWhereTheHubCanBeHad() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        _ = try await Hub(home.settings(hub)).download(.sample, files: FilePatterns(exclude: ["tokenizer*"]))
        #expect(try await Hub(home.settings(hub, offline: true)).model(.sample).path == home.snapshot.path)
        #expect(home.bytes("tokenizer.json") == nil)
        _ = try await Hub(home.settings(hub)).model(.sample)
        #expect(home.bytes("tokenizer.json") == hub.files["tokenizer.json"])
    }

    @Test func aHubsModelWithoutWeightsIsAnError() async throws {
        let hub = try await FakeHub(files: ["config.json": Array("{}".utf8), "a.bin": [1]])
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).model(.sample) }
        #expect(error?.message.contains("has no model.safetensors") == true, "\(error as Any)")
    }

    @Test(arguments: [
        "model", "a/b/c", "/a/b", "../b", "a/..", "a/-b", "a/b--c", "a/b@", "a/b@../x", "a/b@x y", "a b/c", "a/b@-x",
        "a/é",
    ])
    func namesThatNoHubHasAreRefused(name: String) {
        #expect(throws: OuroError.self) { try HubRepository(parsing: name) }
    }

    @Test func namesAndRevisionsAreRead() throws {
        let plain = try HubRepository(parsing: "ByteDance/Ouro-1.4B")
        #expect((plain.name, plain.revision) == ("ByteDance/Ouro-1.4B", "main"))
        let other = try HubRepository(parsing: "a_b/c.d@refs/pr/1")
        #expect((other.name, other.revision) == ("a_b/c.d", "refs/pr/1"))
        #expect(plain.folderName == "models--ByteDance--Ouro-1.4B")
    }

    @Test func theEnvironmentIsThatOfOtherTools() throws {
        let plain = try HubSettings(environment: ["HOME": "/home/u"])
        #expect(plain.cache.path == "/home/u/.cache/huggingface/hub")
        #expect(plain.endpoint.scheme == "https")
        #expect(plain.token == nil)
        #expect(!plain.isOffline)
        #expect(try HubSettings(environment: ["XDG_CACHE_HOME": "/x"]).cache.path == "/x/huggingface/hub")
        #expect(try HubSettings(environment: ["HF_HOME": "/h", "XDG_CACHE_HOME": "/x"]).cache.path == "/h/hub")
        #expect(try HubSettings(environment: ["HF_HUB_CACHE": "~/c", "HOME": "/u"]).cache.path == "/u/c")
        #expect(try HubSettings(environment: ["HF_HUB_OFFLINE": "yes"]).isOffline)
        #expect(
            try HubSettings(environment: ["HF_ENDPOINT": "http://h:1/p/"]).endpoint.absoluteString == "http://h:1/p")
        try FileManager.default.createDirectory(at: home.url, withIntermediateDirectories: true)
        try Data("stored\n".utf8).write(to: home.url.appendingPathComponent("token"))
        #expect(try HubSettings(environment: ["HF_HOME": home.url.path]).token == "stored")
        #expect(try HubSettings(environment: ["HF_HOME": home.url.path, "HF_TOKEN": " t "]).token == "t")
        for (name, value) in [
            ("HF_ENDPOINT", "hub"), ("HF_ENDPOINT", "ftp://h"), ("HF_TOKEN", "a\nb"), ("HTTPS_PROXY", "x"),
        ] {
            #expect(throws: OuroError.self) { try HubSettings(environment: [name: value, "HF_HOME": "/none"]) }
        }
    }

    @Test(arguments: [
        ("*.json", "a/b.json", true), ("*.json", "b.jsonl", false), ("tokenizer*", "tokenizer.model", true),
        ("a?c", "abc", true), ("a?c", "ac", false), ("sub/", "sub/x/y", true), ("sub/", "subx", false),
        ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[]x", "[]x", true), ("[a", "[a", true),
        ("*a*b*c", "xxaxxbxxc", true),
        ("*a*b*c", "xxaxxbxx", false), ("", "", true), ("*", "", true), ("a]", "a]", true), ("[]]", "]", true),
    ])
    func patternsMatchAsInAShell(pattern: String, path: String, matches: Bool) {
        #expect(FilePatterns.match(pattern, path) == matches, "'\(pattern)' on '\(path)'")
    }

    @Test func pausesGrowAndStayWithinTheirBounds() {
        let retry = HubRetry()
        for failures in [1, 2, 5, 100] {
            let pause = retry.pause(after: failures, asked: nil)
            #expect(pause >= retry.firstPause / 2 && pause <= retry.longestPause, "\(failures): \(pause)")
        }
        #expect(retry.pause(after: 1, asked: .seconds(30)) == .seconds(30))
    }
}
