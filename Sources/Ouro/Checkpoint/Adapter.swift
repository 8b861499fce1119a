import Foundation

/// A LoRA adapter in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`.
///
/// It changes some of the layers' matrices W [outputs, inputs] to `W + scale * B A`, with the factors A [rank, inputs]
/// and B [outputs, rank]. The scale is `alpha / rank` (LoRA, arXiv 2106.09685), or `alpha / sqrt(rank)` with
/// `use_rslora`.
public struct Adapter: Sendable {
    /// The matrices of a layer that an adapter may change, by their names in PEFT's `target_modules`.
    public static let targets = TensorNames.ouro.layer.matrices.map(\.target)
    static let configurationName = "adapter_config.json"
    static let weightsName = "adapter_model.safetensors"
    /// PEFT's prefix of the model's own names.
    private static let prefix = "base_model.model."

    /// The two factors of the change of one matrix, in row-major order.
    public struct Factors: Sendable, Equatable {
        /// A [rank, inputs].
        public var a: [Float]
        /// B [outputs, rank].
        public var b: [Float]
        /// Number of inputs of the matrix.
        public var inputs: Int
        /// Number of outputs of the matrix.
        public var outputs: Int

        /// Makes factors. The sizes are not checked.
        ///
        /// - Parameters:
        ///   - a: A [rank, inputs].
        ///   - b: B [outputs, rank].
        ///   - inputs: the number of inputs of the matrix.
        ///   - outputs: the number of outputs of the matrix.
        public init(a: [Float], b: [Float], inputs: Int, outputs: Int) {
            (self.a, self.b, self.inputs, self.outputs) = (a, b, inputs, outputs)
        }
    }

    /// The rank of all factors.
    public let rank: Int
    /// The factor of B A in the adapted matrix.
    public let scale: Float
    /// The factors, by the full name of the weight in the model's checkpoint.
    public let factors: [String: Factors]
    /// The path of the weights, for messages.
    let path: String

    /// Reads the folder of an adapter.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if the folder or a file cannot be read. The code is
    ///   `invalidCheckpoint` if the adapter is not supported, a rank or shape is wrong, or a factor is missing.
    public init(contentsOf folder: URL) throws(OuroError) {
        let folder = try ModelFolder(folder)
        guard let configurationURL = try folder.file(Self.configurationName),
            let weightsURL = try folder.file(Self.weightsName)
        else {
            throw OuroError(
                .unreadableFile, file: folder.url.path,
                "expected an adapter's folder, with \(Self.configurationName) and \(Self.weightsName)")
        }
        let data = try LimitedFile.read(configurationURL, limit: 1 << 20, code: .invalidCheckpoint)
        let fields = try Fields(
            parsing: data, source: .init(code: .invalidCheckpoint, file: configurationURL.path), limits: .pythonFile)
        let type = try fields.required("peft_type", fields.string("peft_type"))
        guard type == "LORA" else {
            throw fields.failure("peft_type", "expected LORA, found \(NameList.clipped(type))")
        }
        rank = try fields.required("r", fields.integer("r", 1...65_536))
        let alpha = try fields.required("lora_alpha", fields.number("lora_alpha", -1e6...1e6))
        try Self.refuseUnsupported(fields)
        let divisor = try fields.flag("use_rslora") == true ? Double(rank).squareRoot() : Double(rank)
        scale = Float(alpha / divisor)
        path = weightsURL.path
        factors = try Self.read(SafetensorsFile(contentsOf: weightsURL), rank: rank, file: path)
    }

    private static func refuseUnsupported(_ fields: Fields) throws(OuroError) {
        // These initialisations also change the model's own weights. The factors then fit no published model.
        var changesBase = false
        if case .string(let name)? = fields["init_lora_weights"] {
            changesBase = ["pissa", "olora", "corda", "lora_ga", "loftq"].contains { name.lowercased().hasPrefix($0) }
        }
        let unsupported: [(String, Bool)] = [
            ("use_dora", try fields.flag("use_dora") == true),
            ("fan_in_fan_out", try fields.flag("fan_in_fan_out") == true),
            ("bias", try fields.string("bias") ?? "none" != "none"),
            ("modules_to_save", try fields.strings("modules_to_save")?.isEmpty == false),
            ("rank_pattern", try fields.object("rank_pattern")?.members.isEmpty == false),
            ("alpha_pattern", try fields.object("alpha_pattern")?.members.isEmpty == false),
            ("alora_invocation_tokens", fields.has("alora_invocation_tokens")), ("init_lora_weights", changesBase),
        ]
        if let (field, _) = unsupported.first(where: \.1) {
            throw fields.failure(
                field, "adapters that use this field are not supported; merge the adapter with the library that made it"
            )
        }
    }

    private static func read(
        _ weights: SafetensorsFile, rank: Int, file: String
    ) throws(OuroError) -> [String: Factors] {
        func fault(_ name: String, _ message: String) -> OuroError {
            OuroError(.invalidCheckpoint, file: file, field: NameList.clipped(name), message)
        }
        let (endA, endB) = (".lora_A.weight", ".lora_B.weight")
        var factors: [String: Factors] = [:]
        for (name, info) in weights.tensors.sorted(by: { $0.key < $1.key }) {
            guard name.hasPrefix(prefix), name.hasSuffix(endA) || name.hasSuffix(endB),
                targets.contains(where: { name.hasSuffix(".\($0)\(endA)") || name.hasSuffix(".\($0)\(endB)") })
            else {
                throw fault(name, "expected LoRA factors of \(targets.joined(separator: ", "))")
            }
            guard name.hasSuffix(endA) else {
                guard weights.tensors[name.dropLast(endB.count) + endA] != nil else {
                    throw fault(name, "its lora_A is missing")
                }
                continue
            }
            let other = name.dropLast(endA.count) + endB
            guard let counterpart = weights.tensors[String(other)] else { throw fault(name, "its lora_B is missing") }
            guard info.shape.count == 2, info.shape[0] == rank else {
                throw fault(name, "expected [\(rank), inputs], found \(info.shape)")
            }
            guard counterpart.shape.count == 2, counterpart.shape[1] == rank else {
                throw fault(String(other), "expected [outputs, \(rank)], found \(counterpart.shape)")
            }
            let (a, b) = (try weights.floats(name), try weights.floats(String(other)))
            guard a.allSatisfy(\.isFinite), b.allSatisfy(\.isFinite) else { throw fault(name, "values are not finite") }
            let weight = name.dropFirst(prefix.count).dropLast(endA.count) + ".weight"
            factors[String(weight)] = Factors(a: a, b: b, inputs: info.shape[1], outputs: counterpart.shape[0])
        }
        guard !factors.isEmpty else { throw OuroError(.invalidCheckpoint, file: file, "there are no LoRA factors") }
        return factors
    }

    /// Writes the folder of an adapter as PEFT does, with factors in f32. Existing files are replaced.
    ///
    /// - Parameters:
    ///   - folder: the folder to write. It is created if it does not exist.
    ///   - rank: the rank of all factors.
    ///   - alpha: the numerator of the scale, `lora_alpha`.
    ///   - targets: the changed matrices, by their names in PEFT's `target_modules`.
    ///   - base: the name of the model, PEFT's `base_model_name_or_path`.
    ///   - factors: the factors, by the full name of the weight.
    /// - Throws: ``OuroError`` with code `unwritableFile`.
    public static func write(
        to folder: URL, rank: Int, alpha: Double, targets: [String], base: String, factors: [String: Factors]
    ) throws(OuroError) {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw OuroError(.unwritableFile, file: folder.path, "cannot be created: \(error.localizedDescription)")
        }
        var tensors: [(TensorDeclaration, [Float])] = []
        for (weight, pair) in factors.sorted(by: { $0.key < $1.key }) {
            let name = prefix + weight.dropLast(".weight".count)
            tensors.append(
                (.init(name: name + ".lora_A.weight", elementType: .f32, shape: [rank, pair.inputs]), pair.a))
            tensors.append(
                (.init(name: name + ".lora_B.weight", elementType: .f32, shape: [pair.outputs, rank]), pair.b))
        }
        let writer = try SafetensorsWriter(
            to: folder.appendingPathComponent(weightsName), tensors: tensors.map(\.0), metadata: ["format": "pt"])
        for (declaration, values) in tensors {
            try values.withUnsafeBytes { bytes in
                Result { () throws(OuroError) in try writer.write(declaration.name, bytes) }
            }.get()
        }
        try writer.finish()
        let configuration: JSONValue = .object([
            "peft_type": .string("LORA"), "task_type": .string("CAUSAL_LM"), "r": .int(rank),
            "lora_alpha": Int(exactly: alpha).map { .int($0) } ?? .double(alpha), "lora_dropout": .double(0),
            "target_modules": .array(targets.map { .string($0) }), "bias": .string("none"),
            "fan_in_fan_out": .bool(false), "inference_mode": .bool(true), "base_model_name_or_path": .string(base),
        ])
        try AtomicFile.write(Data(configuration.fileText.utf8), to: folder.appendingPathComponent(configurationName))
    }
}
