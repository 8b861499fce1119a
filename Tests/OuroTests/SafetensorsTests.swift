import Foundation
import Testing

@testable import Ouro

/// Reading safetensors files: sound ones give their values, all others an error that says why.
@Suite struct SafetensorsTests {
    let folder: CheckpointFolder

    init() throws { folder = try CheckpointFolder() }

    private func load(_ data: Data, mapped: Bool = true) throws -> SafetensorsFile {
        try SafetensorsFile(contentsOf: folder.write("x.safetensors", data), mapped: mapped)
    }

    @Test(arguments: [true, false]) func valuesAreThoseOfTheFile(mapped: Bool) throws {
        // The header has an odd length: everything behind it is unaligned.
        let header =
            #"{"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"#
            + #""a":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]},"__metadata__":{"format":"pt"},"#
            + #""s":{"dtype":"U16","shape":[],"data_offsets":[16,18]},"#
            + #""none":{"dtype":"F32","shape":[3,0],"data_offsets":[18,18]}}"#
        let padded = header.utf8.count % 2 == 0 ? header + " " : header
        let file = try load(SafetensorsBytes.file(padded, data: 18), mapped: mapped)
        #expect(file.metadata == ["format": "pt"])
        #expect(Set(file.tensors.keys) == ["a", "b", "s", "none"])
        #expect(file.tensors["a"]?.shape == [1, 2])
        #expect(file.tensors["a"]?.elementType == .f32)
        #expect(file.tensors["a"]?.byteRange == 8..<16)
        #expect(file.tensors["a"]?.elementCount == 2)
        #expect(file.tensors["none"]?.elementCount == 0)
        #expect(try file.ints("b") == [0x0706_0504_0302_0100])
        #expect(try file.floats("a").map(\.bitPattern) == [0x0B0A_0908, 0x0F0E_0D0C])
        #expect(try file.ints("s") == [0x1110])
        #expect(try file.floats("none") == [])
    }

    @Test func floatsAreWidenedAndIntegersKeepTheirSign() throws {
        func file(_ type: String, _ bytes: [UInt8]) throws -> SafetensorsFile {
            let size = try #require(ElementType(rawValue: type)).byteCount
            let header = SafetensorsBytes.entry("\"\(type)\"", "[\(bytes.count / size)]", "[0,\(bytes.count)]")
            return try load(SafetensorsBytes.file("{\"t\":\(header)}") + Data(bytes))
        }
        #expect(try file("BF16", [0x80, 0x3F, 0x00, 0xC0]).floats("t") == [1, -2])
        #expect(try file("F16", [0x00, 0x3C, 0x01, 0x00, 0x00, 0xFC]).floats("t") == [1, 0x1p-24, -.infinity])
        #expect(try file("I8", [0xFF, 1]).ints("t") == [-1, 1])
        #expect(try file("I16", [0xFE, 0xFF]).ints("t") == [-2])
        #expect(try file("I32", [0xFD, 0xFF, 0xFF, 0xFF]).ints("t") == [-3])
        #expect(try file("U32", [0xFF, 0xFF, 0xFF, 0xFF]).ints("t") == [0xFFFF_FFFF])
        #expect(try file("BOOL", [0, 1]).ints("t") == [0, 1])
        let large = try file("U64", Array(repeating: 0xFF, count: 8))
        #expect(failure { () throws(OuroError) in _ = try large.ints("t") }?.field == "t")
        let doubles = try file("F64", Array(repeating: 0, count: 8))
        #expect(failure { () throws(OuroError) in _ = try doubles.floats("t") }?.message.contains("F64") == true)
        #expect(failure { () throws(OuroError) in _ = try doubles.ints("t") }?.message.contains("F64") == true)
        #expect(failure { () throws(OuroError) in _ = try doubles.ints("u") }?.field == "u")
    }

    @Test func aFileWithoutTensorsIsSound() throws {
        #expect(try load(SafetensorsBytes.file("{}")).tensors.isEmpty)
        #expect(try load(SafetensorsBytes.file(#"{"__metadata__":{}}  "#)).metadata.isEmpty)
        #expect(try load(SafetensorsBytes.file(#"{"__metadata__":null}"#)).metadata.isEmpty, "as MLX writes it")
    }

    /// Checks that each compare a tensor with all others would compare a hundred million pairs.
    @Test func tenThousandTensorsLoad() throws {
        let names = (0..<10_000).map { (name: "model.layers.\($0).weight", count: 1) }
        let data = SafetensorsBytes.bytes(names)
        let file = try load(data)
        #expect(file.tensors.count == 10_000)
        for index in stride(from: 0, to: 10_000, by: 333) {
            #expect(try file.ints("model.layers.\(index).weight") == [Int64(index & 255)])
        }
    }

    @Test func integersMayBeWrittenAsDoubles() throws {
        // The reference refuses these spellings. They can only mean this integer.
        for shape in ["[1.0]", "[1e0]"] {
            let file = try load(
                SafetensorsBytes.file("{\"t\":\(SafetensorsBytes.entry("\"F32\"", shape, "[0,4]"))}", data: 4))
            #expect(file.tensors["t"]?.shape == [1], "\(shape)")
        }
    }

    @Test func aFileCutWhileMappedIsNoticed() throws {
        let url = try folder.write("x.safetensors", SafetensorsBytes.bytes([("a", 100_000)]))
        let mapped = try SafetensorsFile(contentsOf: url)
        let owned = try SafetensorsFile(contentsOf: url, mapped: false)
        let handle = try FileHandle(forWritingTo: url)
        try handle.truncate(atOffset: 1000)
        try handle.close()
        let error = failure { () throws(OuroError) in _ = try mapped.ints("a") }
        #expect(error?.code == .unreadableFile)
        #expect(error?.message.contains("--no-mmap") == true)
        #expect(try owned.ints("a").count == 100_000, "a copy does not depend on the file")
    }

    @Test func aFileLargerThanTheMemoryCanOnlyBeMapped() throws {
        let size = 1 << 40
        let header = SafetensorsBytes.entry("\"U8\"", "[\(size)]", "[0,\(size)]")
        let data = SafetensorsBytes.file("{\"t\":\(header)}")
        let url = try folder.write("x.safetensors", data)
        let handle = try FileHandle(forWritingTo: url)
        // A hole, which takes no space on the disk.
        try handle.truncate(atOffset: UInt64(data.count + size))
        try handle.close()
        #expect(try SafetensorsFile(contentsOf: url).tensors["t"]?.elementCount == size)
        let error = failure { () throws(OuroError) in _ = try SafetensorsFile(contentsOf: url, mapped: false) }
        #expect(error?.code == .memoryExceeded)
        #expect(error?.message.contains("\(data.count + size) bytes") == true)
    }

    @Test func theFileMayBeReplacedAndRemovedWhileMapped() throws {
        let url = try folder.write("x.safetensors", SafetensorsBytes.bytes([("a", 1000)]))
        let file = try SafetensorsFile(contentsOf: url)
        try FileManager.default.removeItem(at: url)
        #expect(try file.ints("a").prefix(3) == [0, 1, 2])
    }

    @Test func releasedPagesAreReadAgain() throws {
        let url = try folder.write("model.safetensors", SafetensorsBytes.bytes([("a", 5000), ("b", 100_001)]))
        for mapped in [true, false] {
            let checkpoint = try Checkpoint(folder: folder.url, mapped: mapped)
            let before = Data(try checkpoint.bytes(of: "b").0)
            checkpoint.releasePages(of: "b")
            checkpoint.releasePages(of: "a")
            checkpoint.releasePages(of: "no such tensor")
            #expect(Data(try checkpoint.bytes(of: "b").0) == before)
            #expect(try Data(contentsOf: url).suffix(100_001) == before)
        }
    }

    @Test func whatIsNotAFileIsRefused() throws {
        #expect(
            failure { () throws(OuroError) in
                _ = try SafetensorsFile(contentsOf: folder.file("absent.safetensors"))
            }?.message == "there is no such file")
        let directory = failure { () throws(OuroError) in _ = try SafetensorsFile(contentsOf: folder.url) }
        #expect(directory?.code == .unreadableFile)
        #expect(directory?.message == "expected a file, found a directory")
        let pipe = folder.file("pipe.safetensors")
        #expect(mkfifo(pipe.path, 0o600) == 0)
        #expect(
            failure { () throws(OuroError) in _ = try SafetensorsFile(contentsOf: pipe) }?.message
                == "expected a file, found a device or pipe")
    }
}
