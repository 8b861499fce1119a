/// How one matrix is stored: MLX's affine groups, `weight = scale * quotient + bias`.
public struct QuantisationSetting: Sendable, Equatable, Hashable {
    /// Bits of a quotient: 4 or 8.
    public var bits: Int
    /// Inputs that share a scale and a bias: 32, 64 or 128.
    public var groupSize: Int

    public init(bits: Int, groupSize: Int) {
        self.bits = bits
        self.groupSize = groupSize
    }

    public static let knownBits = [4, 8]
    public static let knownGroupSizes = [32, 64, 128]

    /// - Throws: ``OuroError`` with code `unsupported`, the field being `prefix` and the member's name in the file.
    func validate(file: String?, prefix: String) throws(OuroError) {
        guard Self.knownBits.contains(bits) else {
            throw OuroError(.unsupported, file: file, field: prefix + "bits", "expected 4 or 8, found \(bits)")
        }
        guard Self.knownGroupSizes.contains(groupSize) else {
            throw OuroError(
                .unsupported, file: file, field: prefix + "group_size", "expected 32, 64 or 128, found \(groupSize)")
        }
    }

    var members: JSONValue {
        .object(["group_size": .int(groupSize), "bits": .int(bits), "mode": .string("affine")])
    }
}

/// Which matrices of a checkpoint are quantised, and how: `quantization` in `config.json`, as MLX writes it.
///
/// A matrix that the checkpoint has no scales of is not quantised, whatever the standard says.
public struct QuantisationConfiguration: Sendable, Equatable {
    /// What a module has in place of the standard.
    public enum Exception: Sendable, Equatable {
        case setting(QuantisationSetting)
        /// Plain values (`false` in the file).
        case unquantised
    }

    /// For every module that is not named in ``exceptions``.
    public var standard: QuantisationSetting
    /// By the module's name, such as `lm_head`: its tensors' names without `.weight`.
    public var exceptions: [String: Exception]

    public init(standard: QuantisationSetting, exceptions: [String: Exception] = [:]) {
        self.standard = standard
        self.exceptions = exceptions
    }

    /// Nil if the module is not to be quantised.
    func setting(of module: String) -> QuantisationSetting? {
        switch exceptions[module] {
        case nil: standard
        case .setting(let setting)?: setting
        case .unquantised?: nil
        }
    }

    func validate(file: String) throws(OuroError) {
        try standard.validate(file: file, prefix: Self.field + ".")
        for (module, exception) in exceptions.sorted(by: { $0.key < $1.key }) {
            guard case .setting(let setting) = exception else { continue }
            try setting.validate(file: file, prefix: Self.field + "." + NameList.clipped(module) + ".")
        }
    }

    package static let field = "quantization"
    /// Where MLX writes a copy, and where Transformers looks for methods of its own.
    package static let copyField = "quantization_config"

    /// The members that stand in `config.json`.
    package var members: JSONValue {
        guard case .object(var members) = standard.members else { return .null }
        for (module, exception) in exceptions {
            switch exception {
            case .setting(let setting): members[module] = setting.members
            case .unquantised: members[module] = .bool(false)
            }
        }
        return .object(members)
    }

    /// Nil if the file says nothing of quantisation.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` for another method, mode, width or group size;
    ///   `invalidConfiguration` for a member that is missing or of another type.
    init?(_ fields: ConfigurationFields) throws(OuroError) {
        let name = fields[Self.field] == nil ? Self.copyField : Self.field
        guard let section = try fields.section(name) else { return nil }
        if let method = try section.string("quant_method"), method != "mlx" {
            throw section.failure(
                "quant_method", code: .unsupported,
                "expected MLX's affine groups, found \(ConfigurationFields.quote(method)); convert the original weights "
                    + "with 'ouro quantize'")
        }
        standard = try Self.setting(section)
        exceptions = [:]
        for (module, value) in section.members {
            switch value {
            case .bool(true): exceptions[module] = .setting(standard)
            case .bool(false): exceptions[module] = .unquantised
            case .object:
                guard let entry = try section.section(module) else { continue }
                do throws(OuroError) {
                    exceptions[module] = .setting(try Self.setting(entry))
                } catch {
                    // The module's name may be anything.
                    throw OuroError(
                        error.code, file: error.file, field: error.field.map(NameList.clipped), error.message)
                }
            default: continue
            }
        }
    }

    private static func setting(_ fields: ConfigurationFields) throws(OuroError) -> QuantisationSetting {
        if let mode = try fields.string("mode"), mode != "affine" {
            throw fields.failure(
                "mode", code: .unsupported,
                "expected \"affine\", the one mode this engine reads, found \(ConfigurationFields.quote(mode))")
        }
        let setting = QuantisationSetting(
            bits: try fields.required("bits", fields.integer),
            groupSize: try fields.required("group_size", fields.integer))
        guard QuantisationSetting.knownBits.contains(setting.bits) else {
            throw fields.failure(
                "bits", code: .unsupported, "weights of \(setting.bits) bits are not supported, expected 4 or 8")
        }
        guard QuantisationSetting.knownGroupSizes.contains(setting.groupSize) else {
            throw fields.failure(
                "group_size", code: .unsupported,
                "groups of \(setting.groupSize) are not supported, expected 32, 64 or 128")
        }
        return setting
    }
}
