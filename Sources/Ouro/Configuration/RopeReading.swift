extension RopeConfiguration {
    /// Reads either form: `rope_theta` and `rope_scaling`, or `rope_parameters`, which contains both.
    ///
    /// `contextLength` is the default of YaRN's original context, as in the reference implementation.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` for unsupported types, and with `invalidConfiguration` for
    ///   parameters that are missing, have another type, are out of range, or contradict each other.
    init(_ fields: Fields, contextLength: Int) throws(OuroError) {
        try Self.refusePartialRotation(fields)
        let theta = try fields.number("rope_theta")
        var found: RopeConfiguration?
        for name in ["rope_parameters", "rope_scaling"] {
            guard let section = try fields.object(name) else { continue }
            for (member, parameters) in try Self.parameterSets(section) {
                let rope = try RopeConfiguration(parameters, theta: theta, contextLength: contextLength)
                try rope.validate(file: fields.file, section: name + (member.map { "." + $0 } ?? ""))
                guard found == nil || found == rope else {
                    throw fields.failure(
                        name, code: .unsupported,
                        "expected the same RoPE for all layers, found "
                            + (member.map { "another one for \(JSONValue.quote($0))" }
                                ?? "another one than in rope_parameters"))
                }
                found = rope
            }
        }
        if let found {
            self = found
        } else {
            self.init(theta: try fields.required("rope_theta", fields.number("rope_theta")))
        }
    }

    /// The sets of parameters in a section: the section itself, or one for each type of layer.
    private static func parameterSets(
        _ section: Fields
    ) throws(OuroError) -> [(member: String?, parameters: Fields)] {
        let names = section.members.keys.sortedByBytes().filter { section[$0] != nil }
        let isNested = names.contains { if case .object? = section[$0] { true } else { false } }
        guard isNested else { return [(nil, section)] }
        var sets: [(String?, Fields)] = []
        for name in names {
            if let parameters = try section.object(name) { sets.append((name, parameters)) }
        }
        return sets
    }

    private init(
        _ fields: Fields, theta outerTheta: Double?, contextLength: Int
    ) throws(OuroError) {
        try Self.refusePartialRotation(fields)
        let innerTheta = try fields.number("rope_theta")
        if let innerTheta, let outerTheta, innerTheta != outerTheta {
            throw fields.failure("rope_theta", "contradicts the other rope_theta: \(innerTheta) and \(outerTheta)")
        }
        guard let theta = innerTheta ?? outerTheta else {
            throw OuroError(
                .invalidConfiguration, file: fields.file, field: "rope_theta",
                "the field is missing and has no default; add it")
        }
        self.init(theta: theta, scaling: try RopeScaling(fields, contextLength: contextLength))
    }

    private static func refusePartialRotation(_ fields: Fields) throws(OuroError) {
        if let part = try fields.number("partial_rotary_factor"), part != 1 {
            throw fields.failure(
                "partial_rotary_factor", code: .unsupported, "expected 1, as Ouro rotates whole heads, found \(part)")
        }
    }
}

extension RopeScaling {
    fileprivate init(_ fields: Fields, contextLength: Int) throws(OuroError) {
        let name = fields["rope_type"] == nil ? "type" : "rope_type"
        switch try Self.type(fields) {
        case "default": self = .default
        case "linear": self = .linear(factor: try fields.required("factor", fields.number("factor")))
        case "yarn": self = .yarn(try YarnScaling(fields, contextLength: contextLength))
        case "llama3":
            self = .llama3(
                Llama3Scaling(
                    factor: try fields.required("factor", fields.number("factor")),
                    lowFrequencyFactor: try fields.required("low_freq_factor", fields.number("low_freq_factor")),
                    highFrequencyFactor: try fields.required("high_freq_factor", fields.number("high_freq_factor")),
                    originalContextLength: try fields.required(
                        "original_max_position_embeddings", fields.integer("original_max_position_embeddings"))))
        case "dynamic":
            throw fields.failure(
                name, code: .unsupported,
                "'dynamic' is not supported, because its frequencies depend on the length of the sequence; write "
                    + "'default', which is the same within max_position_embeddings")
        case let type where type == "longrope" || type == "su":
            throw fields.failure(
                name, code: .unsupported,
                "\(JSONValue.quote(type)) is not supported, because its frequencies depend on the length of "
                    + "the sequence; expected 'default', 'linear', 'yarn' or 'llama3'")
        case let type:
            throw fields.failure(
                name, code: .unsupported,
                "expected 'default', 'linear', 'yarn' or 'llama3', found \(JSONValue.quote(type))")
        }
    }

    /// The type of scaling: `rope_type`, or `type` in older files.
    private static func type(_ fields: Fields) throws(OuroError) -> String {
        let type = try fields.string("rope_type")
        let legacy = try fields.string("type")
        if let type, let legacy, type != legacy {
            throw fields.failure(
                "type",
                "contradicts rope_type: \(JSONValue.quote(legacy)) and \(JSONValue.quote(type))")
        }
        guard let found = type ?? legacy else {
            guard fields["factor"] == nil else {
                throw fields.failure(
                    "rope_type", "the field is missing; it must say which scaling uses the field factor")
            }
            return "default"
        }
        return found
    }
}

extension YarnScaling {
    fileprivate init(_ fields: Fields, contextLength: Int) throws(OuroError) {
        let factor = try fields.required("factor", fields.number("factor"))
        self.init(
            factor: factor,
            originalContextLength: try fields.integer("original_max_position_embeddings") ?? contextLength,
            betaFast: try fields.number("beta_fast") ?? 32,
            betaSlow: try fields.number("beta_slow") ?? 1,
            attentionFactor: try Self.attentionFactor(fields, factor: factor),
            truncatesRamp: try fields.flag("truncate") ?? true)
    }

    /// The factor of cosines and sines; nil for the default. As in the reference implementation, `attention_factor`
    /// takes precedence over `mscale` with `mscale_all_dim`. These two have no effect if one is missing or 0.
    private static func attentionFactor(
        _ fields: Fields, factor: Double
    ) throws(OuroError) -> Double? {
        let scales = [try mscale(fields, "mscale"), try mscale(fields, "mscale_all_dim")].compactMap { $0 }
        if let given = try fields.number("attention_factor") { return given }
        guard scales.count == 2, !scales.contains(0) else { return nil }
        return attentionFactor(factor: factor, mscale: scales[0]) / attentionFactor(factor: factor, mscale: scales[1])
    }

    private static func mscale(_ fields: Fields, _ name: String) throws(OuroError) -> Double? {
        guard let value = try fields.number(name) else { return nil }
        guard (0...1000).contains(value) else {
            throw fields.failure(name, "expected a number from 0 to 1000, found \(value)")
        }
        return value
    }
}
