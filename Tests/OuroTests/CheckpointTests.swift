import Foundation
import Testing

@testable import Ouro

/// Checkpoints of one file and of several: which files are read, and what must hold between them.
@Suite struct CheckpointTests {
    let folder: CheckpointFolder

    init() throws { folder = try CheckpointFolder() }

    private func open(_ folder: URL? = nil) -> OuroError? {
        failure { () throws(OuroError) in _ = try Checkpoint(folder: folder ?? self.folder.url) }
    }

    private func writeIndex(_ map: [String: String]) throws {
        let entries = map.sorted { $0.key < $1.key }.map { JSONText.quote($0.key) + ":" + JSONText.quote($0.value) }
        try folder.write(
            ShardIndex.name,
            "{\"metadata\":{\"total_size\":1.5},\"weight_map\":{\(entries.joined(separator: ","))}}")
    }

    private func writeShards() throws {
        try folder.write("1.safetensors", SafetensorsBytes.bytes([("a", 3), ("b", 2)]))
        try folder.write("2.safetensors", SafetensorsBytes.bytes([("c", 1)]))
    }

    static let map = ["a": "1.safetensors", "b": "1.safetensors", "c": "2.safetensors"]

    @Test func shardsAreOneCheckpoint() throws {
        try writeShards()
        try writeIndex(Self.map)
        for mapped in [true, false] {
            let checkpoint = try Checkpoint(folder: folder.url, mapped: mapped)
            #expect(Set(checkpoint.tensors.keys) == ["a", "b", "c"])
            #expect(Array(try checkpoint.bytes(of: "b").0) == [3, 4])
            let (pointer, info) = try checkpoint.rawTensor("c")
            #expect(pointer.loadUnaligned(as: UInt8.self) == 0)
            #expect(info.shape == [1])
            #expect(failure { () throws(OuroError) in _ = try checkpoint.rawTensor("d") }?.field == "d")
        }
    }

    @Test func theSingleFileWins() throws {
        try writeShards()
        try writeIndex(Self.map)
        try folder.write("model.safetensors", SafetensorsBytes.bytes([("single", 1)]))
        #expect(try Checkpoint(folder: folder.url).tensors.keys.sorted() == ["single"])
    }

    @Test func missingShardsAreListed() throws {
        try writeIndex(["a": "1.safetensors", "c": "2.safetensors", "d": "3.safetensors"])
        try folder.write("2.safetensors", SafetensorsBytes.bytes([("c", 1)]))
        let error = open()
        #expect(error?.code == .unreadableFile)
        #expect(error?.file == folder.file(ShardIndex.name).path)
        #expect(error?.message == "2 of 3 shards are missing: 1.safetensors, 3.safetensors")
    }

    @Test func indexAndShardsMustAgree() throws {
        try writeShards()
        func error(_ change: (inout [String: String]) -> Void) throws -> OuroError? {
            var map = Self.map
            change(&map)
            try writeIndex(map)
            return open()
        }
        let lacking = try error { $0["d"] = "2.safetensors" }
        #expect(lacking?.code == .invalidCheckpoint)
        #expect(lacking?.field == "d")
        #expect(lacking?.message == "tensors are not in the shard that the index names: d")
        #expect(try error { $0["a"] = "2.safetensors" }?.field == "a", "in the other shard")
        #expect(try error { $0["b"] = nil }?.message == "shards hold tensors that the index does not name: b")
        try folder.write("2.safetensors", SafetensorsBytes.bytes([("b", 1), ("c", 1)]))
        #expect(try error { _ in }?.message == "more than one shard holds these tensors: b")
        let many = (0..<25).map { "t\($0)" }
        try folder.write("2.safetensors", SafetensorsBytes.bytes([("c", 1)] + many.map { ($0, 0) }))
        #expect(try error { _ in }?.message.hasSuffix("and 15 more") == true)
    }

    @Test(arguments: [
        "../1.safetensors", "/etc/1.safetensors", "sub/1.safetensors", "sub\\1.safetensors", "..", ".", "",
        ".hidden.safetensors", "1.safetensors\u{0}", "1.safeten\nsors.safetensors", "pytorch_model.bin", "config.json",
    ])
    func shardNamesArePlainFileNames(name: String) throws {
        try writeShards()
        try writeIndex(["a": "1.safetensors", "b": name])
        let error = open()
        #expect(error?.code == .invalidCheckpoint)
        #expect(error?.file == folder.file(ShardIndex.name).path)
        #expect(error?.field == "weight_map.b")
    }

    @Test(arguments: [
        ("", nil, "expected a value"), ("[]", nil, "found an array"), ("{}", "weight_map", "missing"),
        (#"{"weight_map":{}}"#, "weight_map", "found none"), (#"{"weight_map":[]}"#, "weight_map", "array"),
        (#"{"weight_map":null}"#, "weight_map", "missing"), (#"{"weight_map":{"a":7}}"#, "weight_map.a", "found 7"),
        (#"{"weight_map":{"a":null}}"#, "weight_map.a", "null"),
        (#"{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}"#, "weight_map.a", "twice"),
        (#"{"weight_map":{},"weight_map":{}}"#, "weight_map", "twice"),
        (#"{"weight_map":{"a":"1.safetensors"}"#, "weight_map", "expected ',' or '}'"),
        (String(repeating: "[", count: 100_000), nil, "at most 64 objects"),
    ])
    func malformedIndexesAreRefused(text: String, field: String?, message: String) throws {
        try folder.write(ShardIndex.name, text)
        let error = open()
        #expect(error?.code == .invalidCheckpoint)
        #expect(error?.file == folder.file(ShardIndex.name).path)
        #expect(error?.field == field)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test func anIndexInUTF16IsRefused() throws {
        let text = #"{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}"#
        try folder.write(ShardIndex.name, Data([0xFF, 0xFE] + text.utf8.flatMap { [$0, 0] }))
        #expect(open()?.message.contains("found the byte 0xFF") == true)
    }

    @Test func whatIsThereInsteadIsNamed() throws {
        #expect(open()?.message == "found neither model.safetensors nor model.safetensors.index.json")
        try folder.write("pytorch_model.bin", "")
        #expect(open()?.message.contains("pytorch_model.bin: convert to safetensors") == true)
        try folder.write("weights.safetensors", "")
        let error = open()
        #expect(error?.code == .unreadableFile)
        #expect(error?.file == folder.url.path)
        #expect(error?.message.contains("weights.safetensors, which needs an index") == true)
        #expect(open(folder.file("absent"))?.message == "there is no such folder")
        #expect(open(folder.file("pytorch_model.bin"))?.message == "expected a model folder, found a file")
    }
}

/// Symbolic links: a hub cache is made of them, and a hostile folder must not use them to read elsewhere.
@Suite struct CheckpointLinkTests {
    static let data = SafetensorsBytes.bytes([("a", 1)])

    private func open(_ folder: URL) -> OuroError? {
        failure { () throws(OuroError) in _ = try Checkpoint(folder: folder) }
    }

    @Test func aHubCacheIsRead() throws {
        let cache = try CheckpointFolder("hub/models--org--name/snapshots/0a1b")
        let blobs = cache.file("hub/models--org--name/blobs")
        try FileManager.default.createDirectory(at: blobs, withIntermediateDirectories: true)
        try Self.data.write(to: blobs.appendingPathComponent("cafe"))
        let snapshot = "hub/models--org--name/snapshots/0a1b"
        try cache.link("\(snapshot)/model.safetensors", to: "../../blobs/cafe")
        #expect(open(cache.file(snapshot)) == nil)
        // The same by way of a link to the snapshot.
        try cache.link("model", to: snapshot)
        #expect(open(cache.file("model")) == nil)
        // A file that is being downloaded.
        try FileManager.default.removeItem(at: blobs.appendingPathComponent("cafe"))
        #expect(open(cache.file(snapshot))?.message.contains("download may be incomplete") == true)
        // The blobs of another repository.
        let other = cache.file("hub/models--org--other/blobs")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try Self.data.write(to: other.appendingPathComponent("cafe"))
        try FileManager.default.removeItem(at: cache.file("\(snapshot)/model.safetensors"))
        try cache.link("\(snapshot)/model.safetensors", to: "../../../models--org--other/blobs/cafe")
        #expect(open(cache.file(snapshot))?.message.contains("leads out of the folder") == true)
    }

    @Test func linksInsideTheFolderAreFollowed() throws {
        let folder = try CheckpointFolder("weights")
        try Self.data.write(to: folder.file("weights/1"))
        try folder.link("model.safetensors", to: "weights/1")
        #expect(open(folder.url) == nil)
    }

    @Test func linksOutOfTheFolderAreRefused() throws {
        let base = try CheckpointFolder("model")
        try FileManager.default.createDirectory(
            at: base.file("model-other"), withIntermediateDirectories: true)
        for target in ["secret", "model-other/secret", "model/../secret"] {
            try Self.data.write(to: base.file(target))
            let link = base.file("model/model.safetensors").path
            for path in ["../\(target)", base.file(target).path] {
                try? FileManager.default.removeItem(atPath: link)
                try base.link("model/model.safetensors", to: path)
                let error = open(base.file("model"))
                #expect(error?.code == .unreadableFile, "\(path)")
                #expect(error?.file == link)
                #expect(error?.message.contains("leads out of the folder") == true)
            }
        }
        // A link to a link that leads out; a link to itself; a folder called blobs that is not a cache's.
        try base.link("model/hop", to: "../secret")
        try FileManager.default.removeItem(at: base.file("model/model.safetensors"))
        try base.link("model/model.safetensors", to: "hop")
        #expect(open(base.file("model"))?.message.contains("leads out of the folder") == true)
        try FileManager.default.removeItem(at: base.file("model/model.safetensors"))
        try base.link("model/model.safetensors", to: "model.safetensors")
        #expect(open(base.file("model"))?.message.contains("leads to no file") == true)
        try FileManager.default.createDirectory(at: base.file("blobs"), withIntermediateDirectories: true)
        try Self.data.write(to: base.file("blobs/cafe"))
        try FileManager.default.removeItem(at: base.file("model/model.safetensors"))
        try base.link("model/model.safetensors", to: "../blobs/cafe")
        #expect(open(base.file("model"))?.message.contains("leads out of the folder") == true)
    }

    @Test func indexAndShardsAreHeldToTheSameRule() throws {
        let base = try CheckpointFolder("model")
        let index = #"{"weight_map":{"a":"1.safetensors"}}"#
        try base.write("index", index)
        try base.link("model/\(ShardIndex.name)", to: "../index")
        #expect(open(base.file("model"))?.file == base.file("model/\(ShardIndex.name)").path)
        try FileManager.default.removeItem(at: base.file("model/\(ShardIndex.name)"))
        try base.write("model/\(ShardIndex.name)", index)
        try base.write("1", Self.data)
        try base.link("model/1.safetensors", to: "../1")
        #expect(open(base.file("model"))?.file == base.file("model/1.safetensors").path)
    }
}
