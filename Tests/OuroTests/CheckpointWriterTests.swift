import Foundation
import Testing

@testable import Ouro

/// Tests that files equal those of the reference library byte for byte, and appear only when they are complete.
@Suite struct CheckpointWriterTests {
    let folder: CheckpointFolder

    init() throws { folder = try CheckpointFolder() }

    private static func declarations(_ tensors: some Sequence<TensorInfo>) -> [TensorDeclaration] {
        tensors.map { TensorDeclaration(name: $0.name, elementType: $0.elementType, shape: $0.shape) }
    }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() }
    }

    @Test(arguments: [
        "a_base_mha_fp32_seed1/model", "b_bf16_seed1/model", "c_gqa_headdim24_seed1/model", "code_lm/model",
        "i_odd_dims_seed1/model", "a_base_mha_fp32_seed1/golden", "b_bf16_seed1/golden", "j_long_prompt_seed1/golden",
        "sampling_seed1/golden",
    ])
    func publishedFilesAreReproducedByteForByte(path: String) throws {
        let source = Fixtures.url(path + ".safetensors")
        let file = try SafetensorsFile(contentsOf: source)
        let copy = folder.file("copy.safetensors")
        let writer = try SafetensorsWriter(
            to: copy, tensors: Self.declarations(file.tensors.values),
            metadata: Dictionary(uniqueKeysWithValues: file.metadata.map { ($0.key, $0.value) }))
        #expect(try names.count == 1 && names.first?.hasSuffix(".partial") == true, "not under its name yet")
        for info in file.tensors.values { try writer.write(info.name, file.bytes(of: info)) }
        try writer.finish()
        #expect(try names == ["copy.safetensors"])
        #expect(try Data(contentsOf: copy) == Data(contentsOf: source))
    }

    @Test func namesOfAllKindsSurvive() throws {
        let names = ["", "\"\\/\n\t\u{1}\u{7F}", "größe", "🐍", "a b", "A", "a", "shape"]
        let url = folder.file("x.safetensors")
        let writer = try SafetensorsWriter(
            to: url, tensors: names.map { TensorDeclaration(name: $0, elementType: .u8, shape: [1]) },
            metadata: ["k\"": "v\n", "é": ""])
        for (index, name) in names.enumerated() {
            try withUnsafeBytes(of: UInt8(index)) { bytes throws in try writer.write(name, bytes) }
        }
        try writer.finish()
        let file = try SafetensorsFile(contentsOf: url)
        #expect(file.metadata == ["k\"": "v\n", "é": ""])
        for (index, name) in names.enumerated() { #expect(try file.ints(name) == [Int64(index)], "\(name)") }
    }

    @Test func namesAreEscapedAsTheReferenceEscapesThem() throws {
        // The header that the safetensors library 0.8.0 writes for these two names.
        let names = ["größe🐍", "\"\\/\n\t\u{1}\u{7F}"]
        let expected =
            #"{"\"\\/\n\t\u0001"# + "\u{7F}" + #"":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},"#
            + #""größe🐍":{"dtype":"BOOL","shape":[1],"data_offsets":[1,2]}}  "#
        let url = folder.file("x.safetensors")
        let writer = try SafetensorsWriter(
            to: url, tensors: names.map { TensorDeclaration(name: $0, elementType: .bool, shape: [1]) }, metadata: [:])
        for name in names { try [UInt8(0)].withUnsafeBytes { try writer.write(name, $0) } }
        try writer.finish()
        #expect(try Data(contentsOf: url) == SafetensorsBytes.file(expected) + Data([0, 0]))
    }

    @Test func typesAreSortedAsTheReferenceSortsThem() throws {
        // The order in which the safetensors library 0.8.0 writes one tensor of each type.
        let expected: [ElementType] = [
            .u64, .i64, .f64, .c64, .f32, .u32, .i32, .bf16, .f16, .u16, .i16, .f8e8m0, .f8e4m3, .f8e5m2, .i8, .u8,
            .bool,
        ]
        let tensors = ElementType.allCases.map { TensorDeclaration(name: $0.rawValue, elementType: $0, shape: []) }
        let writer = try SafetensorsWriter(to: folder.file("x.safetensors"), tensors: tensors.shuffled())
        #expect(writer.tensors.map(\.elementType) == expected)
    }

    @Test func aWriterThatIsDroppedLeavesTheOldFile() throws {
        let url = try folder.write("x.safetensors", "old")
        do {
            let writer = try SafetensorsWriter(
                to: url, tensors: [TensorDeclaration(name: "t", elementType: .u8, shape: [1])])
            let error = failure { () throws(OuroError) in try writer.finish() }
            #expect(error?.code == .unwritableFile)
            #expect(error?.field == "t")
        }
        #expect(try names == ["x.safetensors"])
        #expect(try Data(contentsOf: url) == Data("old".utf8))
    }

    @Test func misuseIsAnError() throws {
        func declare(_ tensors: [(String, [Int])]) -> OuroError? {
            failure { () throws(OuroError) in
                _ = try SafetensorsWriter(
                    to: folder.file("x.safetensors"),
                    tensors: tensors.map { TensorDeclaration(name: $0.0, elementType: .f32, shape: $0.1) })
            }
        }
        #expect(declare([("t", [1]), ("t", [2])])?.message == "the name is taken already")
        #expect(declare([("__metadata__", [1])])?.field == "__metadata__")
        #expect(declare([("t", [-1])])?.field == "t")
        #expect(declare([("t", [Int.max])])?.field == "t")
        #expect(declare([("t", [1 << 60]), ("u", [1 << 60])])?.message.contains("64 bits") == true)

        let writer = try SafetensorsWriter(
            to: folder.file("x.safetensors"), tensors: [TensorDeclaration(name: "t", elementType: .f32, shape: [2])])
        func write(_ name: String, _ count: Int) -> OuroError? {
            let bytes = [UInt8](repeating: 0, count: count)
            return bytes.withUnsafeBytes { buffer in
                failure { () throws(OuroError) in try writer.write(name, buffer) }
            }
        }
        #expect(write("u", 8)?.field == "u")
        #expect(write("t", 4)?.message == "[2] of F32 takes 8 bytes, found 4")
        #expect(write("t", 8) == nil)
        #expect(write("t", 8)?.message.contains("written already") == true)
    }

    @Test func whereNothingCanBeWrittenTheErrorSaysSo() throws {
        for path in ["no such folder/x.safetensors", "file/x.safetensors"] {
            try folder.write("file", "")
            let error = failure { () throws(OuroError) in
                _ = try SafetensorsWriter(to: folder.file(path), tensors: [])
            }
            #expect(error?.code == .unwritableFile)
            #expect(error?.file == folder.file(path).path)
        }
        let directory = folder.file("directory")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let error = failure { () throws(OuroError) in try SafetensorsWriter(to: directory, tensors: []).finish() }
        #expect(error?.code == .unwritableFile)
        #expect(try names == ["directory", "file"])
    }

    #if os(Linux)
        @Test func aFullDiskIsAnError() throws {
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
            let bytes = [UInt8](repeating: 1, count: 100)
            let error = bytes.withUnsafeBytes { buffer in
                failure { () throws(OuroError) in
                    try AtomicFile.write(buffer, at: 0, to: handle.fileDescriptor, path: "model.safetensors")
                }
            }
            #expect(error?.code == .unwritableFile)
            #expect(error?.file == "model.safetensors")
            #expect(error?.message.contains("No space left") == true)
        }
    #endif

    @Test func aLargeCheckpointIsSplitAsTransformersSplitsIt() throws {
        let sizes = [("a", 4), ("b", 6), ("huge", 25), ("c", 4), ("d", 6), ("e", 1)]
        let writer = try CheckpointWriter(
            folder: folder.url,
            tensors: sizes.map { TensorDeclaration(name: $0.0, elementType: .u8, shape: [$0.1]) }, shardByteLimit: 10)
        for (name, count) in sizes.reversed() {
            try [UInt8](repeating: UInt8(count), count: count).withUnsafeBytes { try writer.write(name, $0) }
        }
        #expect(try names.allSatisfy { $0.hasSuffix(".partial") })
        try writer.finish()
        let files = (1...4).map { "model-0000\($0)-of-00004.safetensors" }
        #expect(writer.fileNames == files)
        #expect(try names == files + ["model.safetensors.index.json"])
        let checkpoint = try Checkpoint(folder: folder.url)
        for (name, count) in sizes {
            #expect(Array(try checkpoint.bytes(of: name).0) == Array(repeating: UInt8(count), count: count))
        }
        let index = try JSONDecoder().decode(
            JSONValue.self, from: Data(contentsOf: folder.file("model.safetensors.index.json")))
        #expect(index["metadata"]?["total_size"] == .int(46))
        // A tensor above the limit gets a shard of its own at once. The open shard stays open.
        #expect(
            index["weight_map"]
                == .object([
                    "huge": .string(files[0]), "a": .string(files[1]), "b": .string(files[1]), "c": .string(files[2]),
                    "d": .string(files[2]), "e": .string(files[3]),
                ]))
    }

    @Test func aSmallCheckpointIsOneFile() throws {
        let source = try Checkpoint(folder: Fixtures.url("code_lm"))
        let writer = try CheckpointWriter(
            folder: folder.url, tensors: Self.declarations(source.tensors.values))
        for name in source.tensors.keys { try writer.write(name, source.bytes(of: name).0) }
        try writer.finish()
        #expect(try names == ["model.safetensors"])
        #expect(
            try Data(contentsOf: folder.file("model.safetensors"))
                == Data(contentsOf: Fixtures.url("code_lm/model.safetensors")))
    }

    @Test func aCheckpointIsNotMixedWithAnother() throws {
        let tensors = ["a", "b"].map { TensorDeclaration(name: $0, elementType: .u8, shape: [1]) }
        func error(limit: Int) -> OuroError? {
            failure { () throws(OuroError) in
                _ = try CheckpointWriter(folder: folder.url, tensors: tensors, shardByteLimit: limit)
            }
        }
        try folder.write("model.safetensors", SafetensorsBytes.bytes([("old", 1)]))
        #expect(error(limit: 2) == nil, "a single file is replaced by a single file")
        #expect(
            error(limit: 1)?.file == folder.file("model.safetensors").path, "it would be read instead of the shards")
        try FileManager.default.removeItem(at: folder.file("model.safetensors"))
        try folder.write("model.safetensors.index.json", "{}")
        #expect(error(limit: 2)?.file == folder.file("model.safetensors.index.json").path)
        #expect(error(limit: 1)?.code == .unwritableFile)
    }
}
