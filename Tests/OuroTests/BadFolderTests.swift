import Foundation
import Testing

@testable import Ouro

/// Tests model folders that the engine must refuse. The error names the file and the field.
@Suite struct BadFolderTests {
    static let model = Fixtures.url("a_base_mha_fp32_seed1")
    let folder: CheckpointFolder

    init() throws {
        folder = try CheckpointFolder()
        try FileManager.default.copyItem(
            at: Self.model.appendingPathComponent("config.json"), to: folder.file("config.json"))
    }

    private func open() -> OuroError? {
        failure { () throws(OuroError) in _ = try Engine(modelAt: folder.url) }
    }

    /// Writes the fixture's weights with changed declarations. Bytes are truncated or padded with zeros.
    private func writeWeights(_ change: (inout ExactDictionary<TensorDeclaration>) -> Void) throws {
        let source = try Checkpoint(folder: Self.model)
        var declarations = source.tensors.mapValues {
            TensorDeclaration(name: $0.name, elementType: $0.elementType, shape: $0.shape)
        }
        change(&declarations)
        let writer = try SafetensorsWriter(
            to: folder.file("model.safetensors"), tensors: Array(declarations.values))
        for info in writer.tensors {
            var bytes = Array((try? source.bytes(of: info.name).0) ?? UnsafeRawBufferPointer(start: nil, count: 0))
            bytes = Array(bytes.prefix(info.byteRange.count))
            bytes += Array(repeating: 0, count: info.byteRange.count - bytes.count)
            try bytes.withUnsafeBytes { try writer.write(info.name, $0) }
        }
        try writer.finish()
    }

    private func declare(_ name: String, _ shape: [Int], _ type: ElementType = .f32) -> TensorDeclaration {
        TensorDeclaration(name: name, elementType: type, shape: shape)
    }

    @Test func aFolderWithoutWeights() {
        let error = open()
        #expect(error?.code == .unreadableFile)
        #expect(error?.file == folder.url.path)
        #expect(error?.message.contains("model.safetensors.index.json") == true)
    }

    @Test func anEmptyWeightsFile() throws {
        try folder.write("model.safetensors", "")
        #expect(open()?.code == .invalidCheckpoint)
        #expect(open()?.file == folder.file("model.safetensors").path)
    }

    @Test func aFolderInPlaceOfTheWeights() throws {
        try FileManager.default.createDirectory(
            at: folder.file("model.safetensors"), withIntermediateDirectories: true)
        #expect(open()?.code == .unreadableFile)
        #expect(open()?.message == "expected a file, found a directory")
    }

    @Test func weightsDownloadedInPart() throws {
        let data = try Data(contentsOf: Self.model.appendingPathComponent("model.safetensors"))
        try folder.write("model.safetensors", data.prefix(data.count / 2))
        #expect(open()?.message.contains("downloaded in part") == true)
    }

    @Test func aLinkOutOfTheFolder() throws {
        try folder.link("model.safetensors", to: Self.model.appendingPathComponent("model.safetensors").path)
        #expect(open()?.message.contains("leads out of the folder") == true)
    }

    @Test func soundWeightsAreAccepted() throws {
        try writeWeights { _ in }
        #expect(open() == nil)
        try writeWeights {
            $0["model.layers.0.self_attn.rotary_emb.inv_freq"] = declare(
                "model.layers.0.self_attn.rotary_emb.inv_freq", [8])
        }
        #expect(open() == nil, "rotary frequencies that old exporters left behind")
    }

    @Test func missingTensorsAreListed() throws {
        try writeWeights { $0["model.norm.weight"] = nil }
        #expect(open()?.code == .invalidCheckpoint)
        #expect(open()?.file == folder.file("model.safetensors").path)
        #expect(open()?.field == "model.norm.weight")
        try writeWeights {
            for name in $0.keys where name.hasPrefix("model.layers.0.") { $0[name] = nil }
            for index in 0..<30 { $0["x\(index)"] = declare("x\(index)", [1]) }
        }
        #expect(
            open()?.message.hasPrefix("11 of the model's 27 tensors are missing: model.layers.0.input_layernorm")
                == true)
        #expect(open()?.message.hasSuffix("and 1 more") == true)
    }

    @Test func unexpectedTensorsAreListed() throws {
        try writeWeights {
            $0["model.layers.0.self_attn.q_proj.bias"] = declare("model.layers.0.self_attn.q_proj.bias", [64])
        }
        #expect(open()?.code == .invalidCheckpoint)
        #expect(open()?.field == "model.layers.0.self_attn.q_proj.bias")
        for name in ["model.layers.x.self_attn.rotary_emb.inv_freq", "model.layers..self_attn.rotary_emb.inv_freq"] {
            try writeWeights { $0[name] = declare(name, [1]) }
            #expect(open()?.field == name)
        }
    }

    @Test func aWrongShapeNamesTensorAndShapes() throws {
        let name = "model.layers.1.mlp.down_proj.weight"
        let expected = try #require(try Checkpoint(folder: Self.model).tensors[name]?.shape)
        let turned = Array(expected.reversed())
        for shape in [turned, [expected[0] * expected[1]], expected + [1], [expected[0] + 1, expected[1]]] {
            try writeWeights { $0[name] = declare(name, shape) }
            #expect(open()?.code == .invalidCheckpoint)
            #expect(open()?.file == folder.file("model.safetensors").path)
            #expect(open()?.field == name)
            #expect(open()?.message == "the shape is \(shape); by config.json it is \(expected)")
        }
    }

    @Test func weightsThatAreNotFloatsAreRefused() throws {
        for type in [ElementType.i32, .f64, .u8, .f8e4m3] {
            try writeWeights { $0["model.norm.weight"] = declare("model.norm.weight", [64], type) }
            #expect(open()?.field == "model.norm.weight")
            #expect(open()?.message == "expected F32, F16 or BF16, found \(type.rawValue)")
        }
        try writeWeights { $0["model.norm.weight"] = declare("model.norm.weight", [64], .bf16) }
        #expect(open() == nil, "types may differ between tensors")
    }

    @Test func aConfigurationWithOtherLayersIsNoticedBeforeItTakesMemory() throws {
        let checkpoint = try Checkpoint(folder: Self.model)
        var configuration = try ModelConfiguration(contentsOf: Self.model.appendingPathComponent("config.json"))
        configuration.layerCount = .max
        let error = failure { () throws(OuroError) in try checkpoint.validate(for: configuration) }
        #expect(error?.field == "num_hidden_layers")
        configuration.layerCount = 1
        let fewer = failure { () throws(OuroError) in try checkpoint.validate(for: configuration) }
        #expect(fewer?.field == "model.layers.1.input_layernorm.weight", "the second layer is not part of it")
        configuration.layerCount = 2
        configuration.headDimension = .max
        let wide = failure { () throws(OuroError) in try checkpoint.validate(for: configuration) }
        #expect(wide?.field == "model.layers.0.self_attn.q_proj.weight")
    }

    @Test func aTiedHeadNeedsNoTensorAndIgnoresOne() throws {
        let checkpoint = try Checkpoint(folder: Self.model)
        var configuration = try ModelConfiguration(contentsOf: Self.model.appendingPathComponent("config.json"))
        configuration.tiesWordEmbeddings = true
        try checkpoint.validate(for: configuration)
        try writeWeights { $0["lm_head.weight"] = nil }
        let headless = try Checkpoint(folder: folder.url)
        try headless.validate(for: configuration)
        configuration.tiesWordEmbeddings = false
        #expect(
            failure { () throws(OuroError) in try headless.validate(for: configuration) }?.field == "lm_head.weight")
    }

    @Test func shardedWeightsGiveTheSameModel() throws {
        let source = try Checkpoint(folder: Self.model)
        let configuration = try ModelConfiguration(contentsOf: folder.file("config.json"))
        let writer = try CheckpointWriter(
            folder: folder.url,
            tensors: configuration.expectedTensors.map { declare($0.name, $0.shape) },
            shardByteLimit: 100_000)
        for name in source.tensors.keys { try writer.write(name, source.bytes(of: name).0) }
        try writer.finish()
        #expect(writer.fileNames.count > 3)
        let sharded = try Checkpoint(folder: folder.url)
        try sharded.validate(for: configuration)
        for name in source.tensors.keys {
            #expect(Data(try sharded.bytes(of: name).0) == Data(try source.bytes(of: name).0), "\(name)")
        }
        #expect(open() == nil)
    }
}
