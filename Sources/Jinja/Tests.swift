/// The tests after `is`. The filters `select`, `reject`, `selectattr` and `rejectattr` take them by name.
enum Tests {
    static let names: Set<ExactString> = plain.union(withArgument)

    static let plain: Set<ExactString> = [
        "defined", "undefined", "none", "boolean", "true", "false", "string", "number", "integer", "float", "mapping",
        "sequence", "iterable", "callable", "odd", "even", "lower", "upper", "escaped", "filter", "test",
    ]
    static let withArgument: Set<ExactString> = [
        "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=",
        "in", "divisibleby", "sameas",
    ]

    /// Why a test cannot be used; nil if it can.
    static func failure(of name: ExactString) -> TemplateError? {
        names.contains(name) ? nil : TemplateError("there is no test '\(name.text.prefix(80))'")
    }
}

extension Interpreter {
    func test(
        _ value: Value, _ name: ExactString, _ arguments: Arguments
    ) throws(TemplateError) -> Bool {
        if let unknown = Tests.failure(of: name) { throw unknown }
        if Tests.withArgument.contains(name) {
            let other = try arguments.bind("other", required: 1, for: name)["other"] ?? .none
            return try test(value, name, other)
        }
        _ = try arguments.bind(for: name)
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "odd", "even":
            return try calculate(value, .remainder, .int(2)).equals(.int(name == "odd" ? 1 : 0))
        case "lower", "upper": return Text.isCased(try str(value), isLower: name == "lower")
        case "filter": return try Filters.names.contains(ExactString(nameText(value, of: name)))
        case "test": return try Tests.names.contains(ExactString(nameText(value, of: name)))
        default: return hasType(value.plain, isMarkup: value.isMarkup, name)
        }
    }

    /// The name that `is filter` and `is test` look for. Whatever is no string is the name of none.
    private func nameText(_ value: Value, of name: ExactString) throws(TemplateError) -> String {
        switch value {
        case .list, .dict: throw TemplateError("'\(name)' needs a name, found a value of type '\(value.typeName)'")
        default: value.text ?? ""
        }
    }

    private func hasType(_ value: Value, isMarkup: Bool, _ name: ExactString) -> Bool {
        switch (name.text, value) {
        case ("escaped", _): isMarkup
        case ("none", .none), ("boolean", .bool), ("string", .string), ("integer", .int), ("float", .float),
            ("number", .int), ("number", .float), ("number", .bool), ("mapping", .dict):
            true
        case ("true", .bool(let flag)): flag
        case ("false", .bool(let flag)): !flag
        case ("sequence", .list), ("sequence", .tuple), ("sequence", .string), ("sequence", .dict),
            ("sequence", .undefined):
            true
        case ("iterable", .list), ("iterable", .tuple), ("iterable", .string), ("iterable", .dict),
            ("iterable", .undefined), ("iterable", .loop):
            true
        case ("callable", .function), ("callable", .method), ("callable", .macro), ("callable", .undefined),
            ("callable", .joiner):
            true
        case ("callable", .loop): true
        default: false
        }
    }

    private func test(_ value: Value, _ name: ExactString, _ other: Value) throws(TemplateError) -> Bool {
        switch name {
        case "eq", "equalto", "==": return try compare(value, .equal, other)
        case "ne", "!=": return try compare(value, .notEqual, other)
        case "lt", "lessthan", "<": return try compare(value, .less, other)
        case "le", "<=": return try compare(value, .lessOrEqual, other)
        case "gt", "greaterthan", ">": return try compare(value, .greater, other)
        case "ge", ">=": return try compare(value, .greaterOrEqual, other)
        case "in": return try compare(value, .isIn, other)
        case "divisibleby": return try calculate(value, .remainder, other).equals(.int(0))
        default: return value.isSame(other)
        }
    }
}
