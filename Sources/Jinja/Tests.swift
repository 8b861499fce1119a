/// The tests after `is`. The filters `select`, `reject`, `selectattr` and `rejectattr` take them by name.
enum Tests {
    static let names: Set<String> = plain.union(withArgument)

    static let plain: Set<String> = [
        "defined", "undefined", "none", "boolean", "true", "false", "string", "number", "integer", "float", "mapping",
        "sequence", "iterable", "callable", "odd", "even", "lower", "upper",
    ]
    static let withArgument: Set<String> = [
        "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=",
        "in", "divisibleby", "sameas",
    ]
}

extension Interpreter {
    func test(
        _ value: Value, _ name: String, _ arguments: Arguments
    ) throws(TemplateError) -> Bool {
        if Tests.withArgument.contains(name) {
            let other = try arguments.bind("other", required: 1, for: name)["other"] ?? .none
            return try test(value, name, other)
        }
        _ = try arguments.bind(for: name)
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "odd", "even":
            let isOdd = try calculate(value, .remainder, .int(2)).equals(.int(1))
            return isOdd == (name == "odd")
        case "lower", "upper": return isCased(try str(value), as: name)
        default: return hasType(value, name)
        }
    }

    private func hasType(_ value: Value, _ name: String) -> Bool {
        switch (name, value) {
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
        case ("callable", .function), ("callable", .method), ("callable", .macro), ("callable", .undefined): true
        default: false
        }
    }

    private func isCased(_ text: String, as name: String) -> Bool {
        let cased = text.unicodeScalars.filter(\.properties.isCased)
        return !cased.isEmpty
            && cased.allSatisfy { name == "lower" ? $0.properties.isLowercase : $0.properties.isUppercase }
    }

    private func test(_ value: Value, _ name: String, _ other: Value) throws(TemplateError) -> Bool {
        switch name {
        case "eq", "equalto", "==": return try compare(value, .equal, other)
        case "ne", "!=": return try compare(value, .notEqual, other)
        case "lt", "lessthan", "<": return try compare(value, .less, other)
        case "le", "<=": return try compare(value, .lessOrEqual, other)
        case "gt", "greaterthan", ">": return try compare(value, .greater, other)
        case "ge", ">=": return try compare(value, .greaterOrEqual, other)
        case "in": return try compare(value, .isIn, other)
        case "divisibleby": return try calculate(value, .remainder, other).equals(.int(0))
        default:
            // None and the booleans exist once. Whether other equal values are the same depends on Python's implementation.
            switch (value, other) {
            case (.none, .none): return true
            case (.bool(let left), .bool(let right)): return left == right
            case (.none, _), (_, .none), (.bool, _), (_, .bool): return false
            default: throw TemplateError("'sameas' supports only booleans and none")
            }
        }
    }
}
