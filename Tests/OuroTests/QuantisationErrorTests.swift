import Foundation
import Testing

@testable import Ouro
@testable import OuroQuantisation

/// Tests that invalid configurations, checkpoints and options give errors that name what is wrong and where.
@Suite struct QuantisationErrorTests {
    @Test func statisticsBeyondTheMemoryAreRefused() throws {
        let configuration = try ModelConfiguration(
            contentsOf: Fixtures.url("code_lm").appendingPathComponent("config.json"))
        let options = QuantisationOptions(bits: 4, groupSize: 32, calibration: [1, 2, 3])
        try Calibration.checkMemory(options, configuration, available: 64 << 20)
        let error = #expect(throws: OuroError.self) {
            try Calibration.checkMemory(options, configuration, available: 64 << 10)
        }
        #expect(error?.code == .memoryExceeded && error?.field == "calibrate")
        #expect(error?.message.contains("statistics of") == true)
    }

    private static let setting = "\"group_size\": 64, \"bits\": 4"

    private static func error(_ quantisation: String, name: String = "quantization") -> OuroError? {
        ConfigurationSample.error([name: quantisation])
    }

    @Test(arguments: [2, 3, 5, 6, 16])
    func otherWidthsAreRefusedByNumber(bits: Int) {
        let error = Self.error("{\"group_size\": 64, \"bits\": \(bits)}")
        #expect(error?.code == .unsupported && error?.field == "quantization.bits")
        #expect(error?.message.contains("\(bits) bits") == true)
    }

    @Test(arguments: [
        ("{\"group_size\": 48, \"bits\": 4}", "quantization.group_size", OuroError.Code.unsupported),
        ("{\"group_size\": 16, \"bits\": 4}", "quantization.group_size", .unsupported),
        ("{\"bits\": 4}", "quantization.group_size", .invalidConfiguration),
        ("{\"group_size\": 64}", "quantization.bits", .invalidConfiguration),
        ("{\"group_size\": 64, \"bits\": \"4\"}", "quantization.bits", .invalidConfiguration),
        ("[]", "quantization", .invalidConfiguration),
        ("{\(setting), \"mode\": \"mxfp4\"}", "quantization.mode", .unsupported),
        ("{\(setting), \"lm_head\": {\"bits\": 3, \"group_size\": 64}}", "quantization.lm_head.bits", .unsupported),
        ("{\(setting), \"lm_head\": {\"bits\": 8}}", "quantization.lm_head.group_size", .invalidConfiguration),
    ])
    func faultyConfigurationsNameTheField(text: String, field: String, code: OuroError.Code) {
        let error = Self.error(text)
        #expect(error?.code == code && error?.field == field, "\(text): \(error?.description ?? "no error")")
    }

    @Test func otherMethodsAreRefusedByName() {
        let error = Self.error("{\"quant_method\": \"gptq\", \"bits\": 4}", name: "quantization_config")
        #expect(error?.code == .unsupported && error?.message.contains("gptq") == true)
    }

    @Test func configurationsComeBack() throws {
        let text =
            "{\(Self.setting), \"mode\": \"affine\", \"lm_head\": false, \"model.embed_tokens\": "
            + "{\"group_size\": 32, \"bits\": 8}, \"model.norm\": true, \"other\": 1}"
        for name in ["quantization", "quantization_config"] {
            let configuration = try ConfigurationSample.parse([name: text])
            let standard = QuantisationSetting(bits: 4, groupSize: 64)
            #expect(
                configuration.quantisation
                    == QuantisationConfiguration(
                        standard: standard,
                        exceptions: [
                            "lm_head": .unquantised, "model.norm": .setting(standard),
                            "model.embed_tokens": .setting(QuantisationSetting(bits: 8, groupSize: 32)),
                        ]))
            let again = try ModelConfiguration(parsing: configuration.encoded(), file: "again")
            #expect(again == configuration)
        }
        #expect(try ConfigurationSample.parse(["quantization": "null"]).quantisation == nil)
    }

    // MARK: checkpoints

    /// Loads the fixture that MLX wrote after changing it. Returns the error, or nil.
    private static func load(
        _ changeTensors: (inout [String: (TensorDeclaration, [UInt8])]) -> Void = { _ in },
        configuration: (String) -> String = { $0 }
    ) throws -> OuroError? {
        let source = Fixtures.url("mlx/ouro_4bit_g32")
        let file = try SafetensorsFile(contentsOf: source.appendingPathComponent("model.safetensors"))
        var tensors: [String: (TensorDeclaration, [UInt8])] = [:]
        for (name, info) in file.tensors {
            tensors[name] = (
                TensorDeclaration(name: name, elementType: info.elementType, shape: info.shape),
                Array(try file.bytes(of: info))
            )
        }
        changeTensors(&tensors)
        let folder = try CheckpointFolder()
        let writer = try CheckpointWriter(folder: folder.url, tensors: tensors.values.map(\.0))
        for (name, tensor) in tensors { try tensor.1.withUnsafeBytes { try writer.write(name, $0) } }
        try writer.finish()
        let text = try String(contentsOf: source.appendingPathComponent("config.json"), encoding: .utf8)
        try folder.write("config.json", configuration(text))
        return failure { () throws(OuroError) in _ = try Engine(modelAt: folder.url) }
    }

    private static let module = "model.layers.1.self_attn.o_proj"

    private static func tensor(
        _ name: String, _ type: ElementType, _ shape: [Int]
    ) -> (TensorDeclaration, [UInt8]) {
        let declaration = TensorDeclaration(name: name, elementType: type, shape: shape)
        return (declaration, [UInt8](repeating: 0, count: shape.reduce(type.byteCount, *)))
    }

    @Test func soundCheckpointsLoad() throws {
        #expect(try Self.load() == nil)
        let error = try Self.load { tensors in
            // A module without scales is not quantised.
            let name = Self.module
            for suffix in [".scales", ".biases"] { tensors[name + suffix] = nil }
            tensors[name + ".weight"] = Self.tensor(name + ".weight", .bf16, [64, 64])
        }
        #expect(error == nil)
    }

    @Test(arguments: [".scales", ".biases"])
    func missingScalesAreNamed(suffix: String) throws {
        let error = try Self.load { $0[Self.module + suffix] = nil }
        #expect(error?.code == .invalidCheckpoint && error?.field == Self.module + suffix)
        #expect(error?.message.contains("missing") == true)
    }

    @Test(arguments: [Float.infinity, -.infinity, .nan], [".scales", ".biases"])
    func scalesThatAreNotFiniteAreNamed(value: Float, suffix: String) throws {
        let error = try Self.load { tensors in
            let bytes = withUnsafeBytes(of: value) { Array($0) }
            tensors[Self.module + suffix]?.1.replaceSubrange(28..<32, with: bytes)
        }
        #expect(error?.code == .invalidCheckpoint && error?.field == Self.module + suffix)
        #expect(error?.message.contains("row 3, group 1") == true, "\(error?.message ?? "")")
    }

    @Test func shapesThatDoNotFitTheWidthAreNamed() throws {
        let name = Self.module
        let words = try Self.load { $0[name + ".weight"] = Self.tensor(name + ".weight", .u32, [64, 16]) }
        #expect(words?.field == name + ".weight")
        #expect(
            words?.message
                == "the shape is [64, 16]; by config.json, with 4 bits in groups of 32, it is [64, 8]")
        let scales = try Self.load { $0[name + ".scales"] = Self.tensor(name + ".scales", .f32, [64, 4]) }
        #expect(scales?.field == name + ".scales")
        let types = try Self.load { $0[name + ".biases"] = Self.tensor(name + ".biases", .bf16, [64, 2]) }
        #expect(types?.message == "expected F32 as the scales have, found BF16")
        let plain = try Self.load { $0[name + ".weight"] = Self.tensor(name + ".weight", .i32, [64, 8]) }
        #expect(plain?.message == "expected U32, found I32")
        let other = try Self.load(configuration: { $0.replacingOccurrences(of: "\"bits\": 4", with: "\"bits\": 8") })
        #expect(other?.message.contains("with 8 bits") == true)
    }

    @Test func groupsThatDoNotDivideARowAreNamed() throws {
        let error = try Self.load(configuration: {
            $0.replacingOccurrences(of: "\"group_size\": 32", with: "\"group_size\": 128")
        })
        #expect(error?.code == .invalidCheckpoint)
        #expect(error?.message == "quantised in groups of 128, which do not divide rows of 64")
    }

    @Test func quantisedWeightsWithoutConfigurationAreExplained() throws {
        let error = try Self.load(configuration: { $0.replacingOccurrences(of: "\"quantization", with: "\"x") })
        #expect(error?.message.contains("config.json has no \"quantization\"") == true)
    }

    // MARK: options and folders

    private static func options(_ change: (inout QuantisationOptions) -> Void) -> OuroError? {
        var options = QuantisationOptions()
        change(&options)
        return failure { () throws(OuroError) in
            _ = try Quantiser(modelAt: Fixtures.url("a_base_mha_fp32_seed1"), options: options)
        }
    }

    @Test func optionsOutOfRangeAreNamed() {
        #expect(Self.options { _ in } == nil)
        #expect(Self.options { $0.bits = 3 }?.field == "bits")
        #expect(Self.options { $0.groupSize = 16 }?.field == "groupSize")
        #expect(Self.options { $0.headBits = 16 }?.field == "headBits")
        #expect(Self.options { $0.gateBits = 0 }?.field == "gateBits")
        #expect(Self.options { $0.layersPerRun = 0 }?.field == "layersPerRun")
        #expect(Self.options { $0.threads = 0 }?.field == "threads")
        #expect(Self.options { $0.calibration = [1, 2, 3] }?.field == "calibration")
        #expect(Self.options { $0.calibration = Array(repeating: 999, count: 500) }?.field == "calibration")
    }

    @Test func aQuantisedModelIsNotQuantisedAgain() {
        let error = failure { () throws(OuroError) in
            _ = try Quantiser(modelAt: Fixtures.url("mlx/ouro_4bit_g32"), options: QuantisationOptions())
        }
        #expect(error?.code == .unsupported && error?.field == "quantization")
    }

    @Test func foldersInUseAreRefused() throws {
        let model = Fixtures.url("a_base_mha_fp32_seed1")
        var options = QuantisationOptions(groupSize: 32)
        func error(_ url: URL) throws -> OuroError? {
            let quantiser = try Quantiser(modelAt: model, options: options)
            do { try quantiser.write(to: url) } catch { return error as? OuroError }
            return nil
        }
        #expect(try error(model)?.message.contains("the model itself") == true)
        let folder = try CheckpointFolder()
        try folder.link("link", to: model.path)
        #expect(try error(folder.file("link"))?.message.contains("the model itself") == true)
        #expect(try error(folder.url)?.message.contains("not empty") == true)
        try folder.write("file", "text")
        #expect(try error(folder.file("file"))?.message == "expected a folder, found a file")
        options.replacesFiles = true
        try folder.write("model.safetensors.index.json", "{}")
        #expect(try error(folder.url) == nil)
        #expect(try Checkpoint(folder: folder.url).tensors["lm_head.scales"] != nil)
    }

    @Test func weightsThatAreNotFiniteAreNamed() throws {
        let source = Fixtures.url("a_base_mha_fp32_seed1")
        let file = try SafetensorsFile(contentsOf: source.appendingPathComponent("model.safetensors"))
        let folder = try CheckpointFolder("model")
        let model = folder.file("model")
        let writer = try CheckpointWriter(
            folder: model,
            tensors: file.tensors.values.map {
                TensorDeclaration(name: $0.name, elementType: $0.elementType, shape: $0.shape)
            })
        for (name, info) in file.tensors {
            var bytes = Array(try file.bytes(of: info))
            if name == Self.module + ".weight" { bytes.replaceSubrange(4..<8, with: [0, 0, 0xC0, 0x7F]) }
            try bytes.withUnsafeBytes { try writer.write(name, $0) }
        }
        try writer.finish()
        try FileManager.default.copyItem(
            at: source.appendingPathComponent("config.json"), to: model.appendingPathComponent("config.json"))
        #expect {
            try Quantiser(modelAt: model, options: QuantisationOptions(groupSize: 32))
                .write(to: folder.file("out"))
        } throws: { error in
            (error as? OuroError)?.code == .nonFinite && (error as? OuroError)?.field == Self.module + ".weight"
        }
    }
}
