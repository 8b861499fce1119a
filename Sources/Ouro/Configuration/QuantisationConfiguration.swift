/// How one matrix is stored. As in MLX, `weight = scale * code + bias`; a group of inputs shares a scale and a bias.
public struct QuantisationSetting: Sendable, Equatable, Hashable {
    /// Bits of a code: 4 or 8.
    public var bits: Int
    /// Number of inputs in a group: 32, 64 or 128.
    public var groupSize: Int

    /// Makes a setting. The values are not checked.
    ///
    /// - Parameters:
    ///   - bits: bits of a code.
    ///   - groupSize: the number of inputs in a group.
    public init(bits: Int, groupSize: Int) {
        self.bits = bits
        self.groupSize = groupSize
    }

    /// The supported values of ``bits``.
    public static let knownBits = [4, 8]
    /// The supported values of ``groupSize``.
    public static let knownGroupSizes = [32, 64, 128]

    /// Checks the values.
    ///
    /// - Throws: ``OuroError`` with code `unsupported`. Its field is `prefix` and the name of the member in the file.
    func validate(file: String?, prefix: String) throws(OuroError) {
        guard Self.knownBits.contains(bits) else {
            throw OuroError(.unsupported, file: file, field: prefix + "bits", "expected 4 or 8, found \(bits)")
        }
        guard Self.knownGroupSizes.contains(groupSize) else {
            throw OuroError(
                .unsupported, file: file, field: prefix + "group_size", "expected 32, 64 or 128, found \(groupSize)")
        }
    }

    /// The setting as an object in `config.json`.
    var members: JSONValue {
        .object(["group_size": .int(groupSize), "bits": .int(bits), "mode": .string("affine")])
    }
}

/// Which matrices of a checkpoint are quantised, and how. It is `quantization` in `config.json`, as MLX writes it.
///
/// A matrix without scales in the checkpoint is not quantised, whatever ``standard`` says.
public struct QuantisationConfiguration: Sendable, Equatable {
    /// The exception of one module.
    public enum Exception: Sendable, Equatable {
        /// The module has a setting of its own.
        case setting(QuantisationSetting)
        /// The module is not quantised (`false` in the file).
        case unquantised
    }

    /// The setting of every module without an exception.
    public var standard: QuantisationSetting
    /// The exceptions, by the name of the module: the name of its weight without `.weight`, such as `lm_head`.
    public var exceptions: ExactDictionary<Exception>

    /// Makes a configuration. The values are not checked.
    ///
    /// - Parameters:
    ///   - standard: the setting of every module without an exception.
    ///   - exceptions: the exceptions, by the name of the module.
    public init(standard: QuantisationSetting, exceptions: ExactDictionary<Exception> = [:]) {
        self.standard = standard
        self.exceptions = exceptions
    }

    /// The setting of a module; nil if the module is not quantised.
    func setting(of module: String) -> QuantisationSetting? {
        switch exceptions[module] {
        case nil: standard
        case .setting(let setting)?: setting
        case .unquantised?: nil
        }
    }

    /// Checks all settings.
    ///
    /// - Throws: ``OuroError`` with code `unsupported`.
    func validate(file: String?) throws(OuroError) {
        try standard.validate(file: file, prefix: Self.field + ".")
        for (module, exception) in exceptions.sortedByKey() {
            guard case .setting(let setting) = exception else { continue }
            try setting.validate(file: file, prefix: Self.field + "." + NameList.clipped(module) + ".")
        }
    }

    /// The field of `config.json` that is read and written.
    package static let field = "quantization"
    /// The field in which MLX writes a copy. Transformers stores its own quantisation methods there.
    package static let copyField = "quantization_config"

    /// The value of both fields in `config.json`.
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

    /// Reads the configuration. Nil if the file has none.
    ///
    /// - Throws: ``OuroError`` with code `unsupported` for an unsupported method, mode, number of bits or group size,
    ///   and with `invalidConfiguration` for a member that is missing or has another type.
    init?(_ fields: Fields) throws(OuroError) {
        let name = fields[Self.field] == nil ? Self.copyField : Self.field
        guard let section = try fields.object(name) else { return nil }
        if let method = try section.string("quant_method"), method != "mlx" {
            throw section.failure(
                "quant_method", code: .unsupported,
                "expected MLX's affine groups, found \(JSONValue.quote(method)); convert the original "
                    + "weights with 'ouro quantize'")
        }
        standard = try Self.setting(section)
        exceptions = [:]
        for (module, value) in section.members {
            switch value {
            case .bool(true): exceptions[module] = .setting(standard)
            case .bool(false): exceptions[module] = .unquantised
            case .object:
                guard let entry = try section.object(module) else { continue }
                do throws(OuroError) {
                    exceptions[module] = .setting(try Self.setting(entry))
                } catch {
                    // The module's name comes from the file and may be long.
                    throw OuroError(
                        error.code, file: error.file, field: error.field.map(NameList.clipped), error.message)
                }
            default: continue
            }
        }
    }

    private static func setting(_ fields: Fields) throws(OuroError) -> QuantisationSetting {
        if let mode = try fields.string("mode"), mode != "affine" {
            throw fields.failure(
                "mode", code: .unsupported,
                "expected 'affine', the only supported mode, found \(JSONValue.quote(mode))")
        }
        let setting = QuantisationSetting(
            bits: try fields.required("bits", fields.integer("bits")),
            groupSize: try fields.required("group_size", fields.integer("group_size")))
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
