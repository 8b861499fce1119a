import Foundation
import Ouro
import Synchronization
import Testing

@testable import OuroHub

@Suite struct DownloadTests {
    private let home = TemporaryHome()

    @Test func bringsTheWantedFilesIntoTheSharedLayout() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let snapshot = try await Hub(home.settings(hub)).download(.sample)
        #expect(snapshot.files.map(\.path) == ["config.json", "model.safetensors", "sub/extra.json", "tokenizer.json"])
        for file in snapshot.files { #expect(home.bytes(file.path) == hub.files[file.path], "\(file.path)") }
        #expect(home.bytes("pytorch_model.bin") == nil)
        let link = try FileManager.default.destinationOfSymbolicLink(
            atPath: home.snapshot.appendingPathComponent("sub/extra.json").path)
        #expect(link == "../../../blobs/\(FakeHub.git(Array("[]".utf8)))")
        let reference = try String(contentsOf: home.modelFolder.appendingPathComponent("refs/main"), encoding: .utf8)
        #expect(reference == FakeHub.commit)
        #expect(home.blobs.contains(FakeHub.sha256(hub.files["model.safetensors"] ?? [])))
        #expect(!home.blobs.contains { $0.hasSuffix(".incomplete") })
    }

    @Test func aSecondDownloadFetchesNothing() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let first = try await Hub(home.settings(hub)).download(.sample)
        #expect(first.fetchedBytes == first.files.reduce(0) { $0 + $1.byteCount })
        hub.requests.withLock { $0.removeAll() }
        let second = try await Hub(home.settings(hub)).download(.sample)
        #expect(second.fetchedBytes == 0)
        #expect(
            hub.requests.withLock { $0.filter { $0.method == .GET && $0.path.contains("/resolve/") }.map(\.path) } == []
        )
    }

    @Test func aCutConnectionIsGoneOnWithWhereItWasCut() async throws {
        let hub = try await FakeHub { request, hub in
            guard request.isFile("model.safetensors"), request.earlier < 3 else { return nil }
            var response = hub.rightAnswer(request)
            response.cutAfter = 70_000
            return response
        }
        defer { hub.stop() }
        _ = try await Hub(home.settings(hub)).download(.sample)
        #expect(home.bytes("model.safetensors") == hub.files["model.safetensors"])
        let starts = hub.requests.withLock {
            $0.filter { $0.isFile("model.safetensors") }.map { request in
                Int(request.headers.first(name: "range")?.dropFirst(6).dropLast() ?? "0") ?? -1
            }
        }
        #expect(starts.count == 4)
        // The network decides how many of the bytes sent before the cut arrive.
        #expect(zip(starts, starts.dropFirst()).allSatisfy { $0 < $1 && $1 <= $0 + 70_000 }, "\(starts)")
    }

    @Test func whatAnEarlierRunLeftIsGoneOnWith() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let weights = try #require(hub.files["model.safetensors"])
        try leavePartial(weights[..<123_456], of: weights)
        let last = Mutex(HubProgress())
        _ = try await Hub(home.settings(hub)).download(.sample) { progress in last.withLock { $0 = progress } }
        #expect(home.bytes("model.safetensors") == weights)
        let ranges = hub.requests.withLock {
            $0.filter { $0.isFile("model.safetensors") }.map { $0.headers.first(name: "range") }
        }
        #expect(ranges == ["bytes=123456-"])
        let progress = last.withLock { $0 }
        #expect(progress.bytes == progress.totalBytes)
        #expect(progress.receivedBytes == progress.totalBytes - 123_456)
        #expect(progress.finishedFiles == 4)
    }

    @Test func aServerThatKnowsNoRangesSendsAllOfIt() async throws {
        let hub = try await FakeHub { request, hub in
            guard request.isFile("model.safetensors"), let bytes = hub.files["model.safetensors"] else { return nil }
            return FakeHub.Response(body: bytes)
        }
        defer { hub.stop() }
        let weights = try #require(hub.files["model.safetensors"])
        try leavePartial(weights[..<1000], of: weights)
        _ = try await Hub(home.settings(hub)).download(.sample)
        #expect(home.bytes("model.safetensors") == weights)
    }

    @Test(arguments: [1000, 300_000, 400_000])
    func aDamagedRestIsFetchedAnew(byteCount: Int) async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let weights = try #require(hub.files["model.safetensors"])
        try leavePartial(Array(repeating: 7, count: byteCount)[...], of: weights)
        _ = try await Hub(home.settings(hub)).download(.sample)
        #expect(home.bytes("model.safetensors") == weights)
    }

    @Test func wrongBytesAreRemovedAndFetchedOnceMore() async throws {
        let hub = try await FakeHub { request, hub in
            guard request.isFile("config.json"), request.earlier == 0 else { return nil }
            return FakeHub.Response(body: Array("[]".utf8))
        }
        defer { hub.stop() }
        _ = try await Hub(home.settings(hub)).download(.sample)
        #expect(home.bytes("config.json") == Array("{}".utf8))
        #expect(hub.requests.withLock { $0.count { $0.isFile("config.json") } } == 2)
    }

    @Test func bytesThatStayWrongAreAnErrorAndNothingOfThemIsLeft() async throws {
        let hub = try await FakeHub { request, hub in
            request.isFile("config.json") ? FakeHub.Response(body: Array("[]".utf8)) : nil
        }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.code == .failedDownload)
        #expect(error?.file == "config.json")
        #expect(error?.message.contains("hash") == true)
        #expect(!home.blobs.contains { $0.hasPrefix(FakeHub.git(Array("{}".utf8))) }, "\(home.blobs)")
        #expect(Hub(settings).cachedSnapshot(of: .sample) == nil)
    }

    @Test func moreBytesThanPromisedAreAnError() async throws {
        let hub = try await FakeHub { request, hub in
            request.isFile("config.json") ? FakeHub.Response(body: Array("{} and more".utf8)) : nil
        }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.message == "expected 2 bytes, found more")
    }

    @Test func aFullDiskIsAnErrorThatLeavesNoFile() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let weights = try #require(hub.files["model.safetensors"])
        // Every write to this device fails because the device is full.
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        let blobs = home.modelFolder.appendingPathComponent("blobs")
        try FileManager.default.createDirectory(at: blobs, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: blobs.appendingPathComponent("\(FakeHub.sha256(weights)).incomplete").path,
            withDestinationPath: "/dev/full")
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in try await Hub(settings).download(.sample) }
        #expect(error?.code == .unwritableFile)
        #expect(error?.message.contains("300000 bytes of model.safetensors are missing") == true, "\(error as Any)")
        #expect(!home.blobs.contains(FakeHub.sha256(weights)))
        #expect(Hub(settings).cachedSnapshot(of: .sample) == nil)
    }

    @Test func twoDownloadsAtOnceFetchEveryFileOnce() async throws {
        let hub = try await FakeHub { request, hub in
            guard request.isFile("model.safetensors") else { return nil }
            var response = hub.rightAnswer(request)
            response.delay = .milliseconds(200)
            return response
        }
        defer { hub.stop() }
        let settings = try home.settings(hub)
        async let one = Hub(settings).download(.sample)
        async let two = Hub(settings).download(.sample)
        let folders = try await [one.folder, two.folder]
        #expect(folders[0] == folders[1])
        #expect(home.bytes("model.safetensors") == hub.files["model.safetensors"])
        #expect(hub.requests.withLock { $0.count { $0.isFile("model.safetensors") } } == 1)
    }

    @Test func aLocalFolderGetsPlainFilesAndKeepsWhatIsRight() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let folder = home.url.appendingPathComponent("plain")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // This file has the right size but different content.
        try Data("[]".utf8).write(to: folder.appendingPathComponent("config.json"))
        let snapshot = try await Hub(home.settings(hub)).download(.sample, to: folder)
        #expect(snapshot.folder == folder)
        let config = folder.appendingPathComponent("config.json")
        #expect(try Data(contentsOf: config) == Data("{}".utf8))
        let type = try FileManager.default.attributesOfItem(atPath: config.path)[.type] as? FileAttributeType
        #expect(type == .typeRegular)
        hub.requests.withLock { $0.removeAll() }
        _ = try await Hub(home.settings(hub)).download(.sample, to: folder)
        #expect(hub.requests.withLock { $0.count { $0.isFile("model.safetensors") } } == 0)
    }

    @Test func patternsChooseFiles() async throws {
        let hub = try await FakeHub()
        defer { hub.stop() }
        let patterns = FilePatterns(include: ["*.json", "*.bin"], exclude: ["sub/"])
        let snapshot = try await Hub(home.settings(hub)).download(.sample, files: patterns)
        #expect(snapshot.files.map(\.path) == ["config.json", "pytorch_model.bin", "tokenizer.json"])
        let settings = try home.settings(hub)
        let error = await hubError { () throws(OuroError) in
            try await Hub(settings).download(.sample, files: FilePatterns(include: ["*.gguf"]))
        }
        #expect(error?.message == "none of its 6 files matches *.gguf")
    }

    private func leavePartial(_ bytes: ArraySlice<UInt8>, of file: [UInt8]) throws {
        let blobs = home.modelFolder.appendingPathComponent("blobs")
        try FileManager.default.createDirectory(at: blobs, withIntermediateDirectories: true)
        try Data(bytes).write(to: blobs.appendingPathComponent("\(FakeHub.sha256(file)).incomplete"))
    }
}
