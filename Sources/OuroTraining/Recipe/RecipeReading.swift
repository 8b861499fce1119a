import Foundation
import Ouro

extension Recipe {
    /// Reads and checks a recipe.
    ///
    /// - Parameters:
    ///   - url: the YAML file.
    /// - Throws: `OuroError` with code `unreadableFile` or `invalidRecipe`. The latter names the line. Its causes are
    ///   unknown fields, values out of range, impossible model shapes, and stages with unknown data sources.
    public init(contentsOf url: URL) throws(OuroError) {
        let data = try LimitedFile.read(url, limit: RecipeText.byteLimit, code: .invalidRecipe)
        guard let text = String(data: data, encoding: .utf8) else {
            throw OuroError(.invalidRecipe, file: url.path, "expected UTF-8")
        }
        try self.init(parsing: text, file: url.path)
    }

    init(parsing text: String, file: String) throws(OuroError) {
        let fields = try RecipeText.fields(parsing: text, file: file)
        try fields.allow(only: [
            "name", "seed", "model", "tokenizer", "optimizer", "data", "checkpoints", "log_steps", "export_type",
            "stages", "lora",
        ])
        let modelFields = try fields.required("model", try fields.object("model"))
        let data = try Self.data(try fields.required("data", try fields.object("data")))
        let defaultName = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
        self.init(
            file: file, fingerprint: Self.fingerprint(text), name: try fields.text("name") ?? defaultName,
            seed: UInt64(try fields.integer("seed", 0...Int.max) ?? 1),
            model: try Self.model(modelFields),
            initialDeviation: try modelFields.number("initial_deviation", 1e-6...1).map { Float($0) },
            initialGateBias: Float(try modelFields.number("initial_gate_bias", -20...20) ?? 0),
            tokenizer: try fields.text("tokenizer"), optimizer: try Self.optimizer(fields.object("optimizer")),
            lora: try fields.object("lora").map(Self.lora), data: data,
            checkpoints: try Self.checkpoints(fields.object("checkpoints")),
            logSteps: try fields.integer("log_steps", 1...1_000_000) ?? 10,
            exportType: try fields.choice("export_type", of: ["bf16", "f32"]) == "f32" ? .f32 : .bf16, stages: [])
        var layers = try modelFields.integer("initial_layers", 1...1024) ?? model.layerCount
        for stageFields in try fields.required("stages", fields.objects("stages", count: 1...100)) {
            let stage = try Self.stage(stageFields, recipe: self, layersBefore: layers)
            layers = stage.layers
            stages.append(stage)
            if lora != nil, stage.compute.objective.freezesModel || stage.layers != model.layerCount {
                throw stageFields.failure(
                    "objective",
                    "'lora' cannot train the gate and cannot duplicate layers; remove 'lora' or change the stage")
            }
        }
        guard layers == model.layerCount else {
            throw modelFields.failure(
                "num_hidden_layers",
                "the last stage ends with \(layers) layers, but the model has \(model.layerCount); add 'upcycle_layers' to "
                    + "a stage")
        }
        if let last = stages.last, last.ropeTheta != model.rope.theta {
            throw modelFields.failure(
                "rope_theta",
                "the last stage trains with \(last.ropeTheta), but the model is exported with \(model.rope.theta); make them "
                    + "the same")
        }
    }

    /// The hash of the text, as sixteen hexadecimal digits.
    private static func fingerprint(_ text: String) -> String { FNV1a.of(text).digits(16, radix: 16) }

    private static func model(_ fields: Fields) throws(OuroError) -> ModelConfiguration {
        try fields.allow(only: [
            "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "head_dim", "max_position_embeddings", "total_ut_steps", "early_exit_threshold",
            "rms_norm_eps", "tie_word_embeddings", "rope_theta", "bos_token_id", "eos_token_id", "pad_token_id",
            "initial_deviation", "initial_gate_bias", "initial_layers",
        ])
        func size(_ name: String) throws(OuroError) -> Int {
            try fields.required(name, try fields.integer(name, 1...1 << 24))
        }
        let configuration = ModelConfiguration(
            vocabularySize: try size("vocab_size"), hiddenSize: try size("hidden_size"),
            intermediateSize: try size("intermediate_size"), layerCount: try size("num_hidden_layers"),
            headCount: try size("num_attention_heads"),
            keyValueHeadCount: try fields.integer("num_key_value_heads", 1...4096),
            headDimension: try fields.integer("head_dim", 2...4096),
            contextLength: try size("max_position_embeddings"), loops: try size("total_ut_steps"),
            exitThreshold: Float(try fields.number("early_exit_threshold", 0...1) ?? 1),
            rmsNormEpsilon: Float(try fields.number("rms_norm_eps", 1e-12...1) ?? 1e-6),
            tiesWordEmbeddings: try fields.flag("tie_word_embeddings") ?? false,
            rope: RopeConfiguration(theta: try fields.number("rope_theta", 1...1e12) ?? 10_000),
            bosTokenID: try fields.integer("bos_token_id", 0...1 << 24),
            eosTokenIDs: try fields.integerList("eos_token_id", 0...1 << 24) ?? [],
            padTokenID: try fields.integer("pad_token_id", 0...1 << 24))
        do throws(OuroError) {
            try configuration.validate(file: fields.file ?? "recipe")
        } catch {
            throw fields.failure(error.field ?? "", error.message)
        }
        return configuration
    }

    private static func optimizer(_ fields: Fields?) throws(OuroError) -> OptimizerSettings {
        var settings = OptimizerSettings()
        guard let fields else { return settings }
        try fields.allow(only: ["beta1", "beta2", "epsilon", "weight_decay", "clip"])
        settings.beta1 = Float(try fields.number("beta1", 0...0.99999) ?? Double(settings.beta1))
        settings.beta2 = Float(try fields.number("beta2", 0...0.99999) ?? Double(settings.beta2))
        settings.epsilon = Float(try fields.number("epsilon", 1e-12...1) ?? Double(settings.epsilon))
        settings.weightDecay = Float(try fields.number("weight_decay", 0...10) ?? Double(settings.weightDecay))
        settings.clip = Float(try fields.number("clip", 0...1e6) ?? Double(settings.clip))
        return settings
    }

    private static func lora(_ fields: Fields) throws(OuroError) -> LoraSettings {
        try fields.allow(only: ["rank", "alpha", "targets"])
        let rank = try fields.integer("rank", 1...4096) ?? 8
        let layer = TensorNames.ouro.layer
        return LoraSettings(
            rank: rank, alpha: try fields.number("alpha", 1e-3...1e6) ?? Double(2 * rank),
            targets: try fields.choices("targets", of: Adapter.targets) ?? [layer.query.target, layer.value.target])
    }

    private static func checkpoints(_ fields: Fields?) throws(OuroError) -> CheckpointSettings {
        var settings = CheckpointSettings()
        guard let fields else { return settings }
        try fields.allow(only: ["every_steps", "every_minutes", "keep"])
        settings.everySteps = try fields.integer("every_steps", 0...1 << 40) ?? settings.everySteps
        settings.everyMinutes = try fields.number("every_minutes", 0...1e6) ?? settings.everyMinutes
        settings.keep = try fields.integer("keep", 1...1000) ?? settings.keep
        return settings
    }

    private static func data(_ fields: Fields) throws(OuroError) -> ExactDictionary<DataSource> {
        var sources: ExactDictionary<DataSource> = [:]
        for name in fields.members.keys {
            let source = try fields.required(name, try fields.object(name))
            try source.allow(only: ["shards", "packing", "task", "levels", "chat", "bytes"])
            guard [source.has("shards"), source.has("task"), source.has("bytes")].filter({ $0 }).count == 1 else {
                throw fields.failure(name, "expected one of 'shards', 'task' and 'bytes'")
            }
            if let path = try source.text("shards") {
                let packing = try source.choice("packing", of: ["documents", "stream"])
                sources[name] = .shards(path: path, packsDocuments: packing != "stream")
            } else if let task = try source.text("task") {
                sources[name] = .task(
                    name: task, levels: try source.integerList("levels", 0...10_000),
                    isChat: try source.flag("chat") ?? false)
            } else if let path = try source.text("bytes") {
                sources[name] = .bytes(path: path)
            }
        }
        return sources
    }
}
