import Ouro

extension Recipe {
    /// Reads a stage.
    ///
    /// - Parameters:
    ///   - fields: the stage's mapping.
    ///   - recipe: the recipe without its stages.
    ///   - layersBefore: layers of the model at the end of the stage before.
    static func stage(
        _ fields: Fields, recipe: Recipe, layersBefore: Int
    ) throws(OuroError) -> Stage {
        try fields.allow(only: [
            "name", "steps", "tokens", "sequence_length", "batch_sequences", "batch_tokens", "micro_batch", "loops",
            "checkpointing", "activations", "objective", "beta", "gate_target", "rope_theta", "learning_rate",
            "mixture",
            "upcycle_layers",
        ])
        let length = try fields.required(
            "sequence_length", try fields.integer("sequence_length", 1...recipe.model.contextLength))
        let rows = try batch(fields, length: length)
        let microBatch = try fields.integer("micro_batch", 1...1 << 20) ?? max(1, min(rows.upperBound, 2048 / length))
        let objective = try objective(fields)
        let settings = StepSettings(
            loops: try fields.integer("loops", RequestLimits.loops) ?? recipe.model.loops, objective: objective,
            microBatch: microBatch,
            activations: try activations(fields))
        if case .gate = objective, settings.loops == 1 {
            throw fields.failure("objective", "a gate needs at least two loops; increase 'loops'")
        }
        let steps = try stepCount(fields, rows: rows, length: length)
        let layers = try layers(fields, before: layersBefore)
        return Stage(
            name: try fields.required("name", try fields.text("name")), steps: steps, length: length, rows: rows,
            compute: settings,
            schedule: try schedule(
                fields.required("learning_rate", try fields.object("learning_rate")), steps: steps),
            ropeTheta: try fields.number("rope_theta", 1...1e12) ?? recipe.model.rope.theta,
            mixture: try mixture(fields, data: recipe.data), layers: layers)
    }

    /// Reads `batch_sequences`, or `batch_tokens` rounded down to whole sequences. Two numbers are those of the first
    /// and the last step.
    private static func batch(_ fields: Fields, length: Int) throws(OuroError) -> ClosedRange<Int> {
        guard fields.has("batch_sequences") != fields.has("batch_tokens") else {
            throw fields.failure("batch_sequences", "expected either 'batch_sequences' or 'batch_tokens'")
        }
        let name = fields.has("batch_tokens") ? "batch_tokens" : "batch_sequences"
        let numbers = try fields.required(name, try fields.integerList(name, 1...1 << 32))
        let sizes = name == "batch_tokens" ? numbers.map { max(1, $0 / length) } : numbers
        guard let first = sizes.first, let last = sizes.last, sizes.count <= 2, first <= last else {
            throw fields.failure(name, "expected one number, or two numbers in ascending order")
        }
        return first...last
    }

    private static func stepCount(
        _ fields: Fields, rows: ClosedRange<Int>, length: Int
    ) throws(OuroError) -> Int {
        guard fields.has("steps") != fields.has("tokens") else {
            throw fields.failure("steps", "expected either 'steps' or 'tokens'")
        }
        if let steps = try fields.integer("steps", 1...1 << 40) { return steps }
        let tokens = try fields.required("tokens", try fields.number("tokens", 1...1e18))
        let perStep = Double(rows.lowerBound + rows.upperBound) / 2 * Double(length)
        return max(1, Int((tokens / perStep).rounded()))
    }

    private static func layers(_ fields: Fields, before: Int) throws(OuroError) -> Int {
        guard let layers = try fields.integer("upcycle_layers", 1...1024) else { return before }
        guard layers > before, layers % before == 0 else {
            throw fields.failure("upcycle_layers", "expected a larger multiple of \(before), found \(layers)")
        }
        return layers
    }

    private static func activations(_ fields: Fields) throws(OuroError) -> ActivationStorage {
        let recomputes = try fields.choice("checkpointing", of: ["none", "loop"]) == "loop"
        let type = try fields.choice("activations", of: ["f32", "bf16"])
        guard recomputes else { return type == "bf16" ? .bf16 : .f32 }
        guard type == nil else {
            throw fields.failure(
                "activations", "'checkpointing: loop' stores no activations; remove one of the two fields")
        }
        return .recomputed
    }

    private static func objective(_ fields: Fields) throws(OuroError) -> Objective {
        let names = ["expected_loss", "gate", "last_loop", "mean_of_loops"]
        let name = try fields.choice("objective", of: names) ?? "expected_loss"
        if fields.has("beta"), name != "expected_loss" {
            throw fields.failure("beta", "only 'objective: expected_loss' uses this field; remove it")
        }
        if fields.has("gate_target"), name != "gate" {
            throw fields.failure("gate_target", "only 'objective: gate' uses this field; remove it")
        }
        switch name {
        case "gate":
            let target = try fields.choice("gate_target", of: GateTarget.allCases.map(\.rawValue))
            return .gate(target.flatMap(GateTarget.init(rawValue:)) ?? .toCome)
        case "last_loop": return .lastLoop
        case "mean_of_loops": return .meanOfLoops
        default: return .expectedLoss(beta: Float(try fields.number("beta", 0...100) ?? 0.1))
        }
    }

    private static func schedule(_ fields: Fields, steps: Int) throws(OuroError) -> LearningRateSchedule {
        try fields.allow(only: ["schedule", "peak", "final", "warmup_steps", "decay_steps"])
        let name = try fields.choice("schedule", of: ["constant", "cosine", "wsd"]) ?? "constant"
        let peak = try fields.required("peak", try fields.number("peak", 0...100))
        let warmUp = try fields.integer("warmup_steps", 0...1 << 40) ?? 0
        guard warmUp < steps else {
            throw fields.failure("warmup_steps", "expected fewer than the stage's \(steps) steps, found \(warmUp)")
        }
        if name == "constant", fields.has("final") {
            throw fields.failure("final", "a constant rate has no final rate; use 'cosine' or 'wsd'")
        }
        if name != "wsd", fields.has("decay_steps") {
            throw fields.failure("decay_steps", "only 'wsd' uses this field; remove it")
        }
        let final = try fields.number("final", 0...100) ?? (name == "constant" ? peak : 0)
        switch name {
        case "cosine": return LearningRateSchedule(.cosine, peak: peak, final: final, warmUpSteps: warmUp)
        case "wsd":
            let decay = try fields.required("decay_steps", try fields.integer("decay_steps", 1...1 << 40))
            guard decay <= steps - warmUp else {
                throw fields.failure(
                    "decay_steps", "expected at most the \(steps - warmUp) steps after the warm-up, found \(decay)")
            }
            return LearningRateSchedule(
                .warmUpStableDecay(decaySteps: decay), peak: peak, final: final, warmUpSteps: warmUp)
        default: return LearningRateSchedule(.constant, peak: peak, warmUpSteps: warmUp)
        }
    }

    private static func mixture(
        _ fields: Fields, data: ExactDictionary<DataSource>
    ) throws(OuroError) -> [(name: String, weight: Double)] {
        let shares = try fields.required("mixture", try fields.object("mixture"))
        var result: [(name: String, weight: Double)] = []
        for name in shares.members.keys {
            guard data[name] != nil else {
                throw shares.failure(
                    name, "'data' has no source of this name; it has \(data.keys.joined(separator: ", "))")
            }
            guard let weight = try shares.number(name, 0...1e9) else { continue }
            result.append((name, weight))
        }
        guard result.contains(where: { $0.weight > 0 }) else {
            throw fields.failure("mixture", "expected at least one source with a weight above 0")
        }
        return result
    }
}
