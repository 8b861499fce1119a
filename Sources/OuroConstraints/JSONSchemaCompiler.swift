import Ouro

extension Grammar {
    /// Makes the grammar of the JSON texts that match a schema.
    ///
    /// - Parameters:
    ///   - schema: the schema.
    /// - Throws: `OuroError` with code `unsupported` for a keyword that is not supported, or `invalidRequest` for any
    ///   other fault of the schema. The error's field is the place in the schema, such as
    ///   `schema.properties.age.minimum`.
    public init(_ schema: JSONSchema) throws(OuroError) {
        var compiler = JSONSchemaCompiler(schema)
        self = try compiler.grammar()
    }
}

/// Compiles a schema to grammar rules, one for each schema inside it.
struct JSONSchemaCompiler {
    typealias Rule = GrammarBuilder.Rule

    /// Keywords that do not restrict the texts.
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "$schema", "$id", "$comment", "$defs", "definitions",
    ]
    private static let keywords: [String: Set<String>] = [
        "object": ["properties", "required", "additionalProperties"], "array": ["items", "minItems", "maxItems"],
    ]
    /// The largest depth of nested schemas.
    private static let depthLimit = 32
    /// The largest number of properties of an object, and the largest `minItems` and `maxItems`.
    static let itemLimit = 256

    let schema: JSONSchema
    let shared: JSONRules
    private var builder: GrammarBuilder
    /// The rules of the places that a `$ref` points to.
    private var references: [String: Rule] = [:]

    init(_ schema: JSONSchema) {
        var builder = GrammarBuilder()
        self.schema = schema
        shared = JSONRules(&builder)
        self.builder = builder
    }

    mutating func grammar() throws(OuroError) -> Grammar {
        let rule = try rule(for: schema.value, path: "schema", depth: 0)
        guard !builder.isTooLarge else { throw fault("schema", "the schema is too large") }
        return try builder.finish(rule)
    }

    func fault(_ path: String, _ message: String) -> OuroError { OuroError(.invalidRequest, field: path, message) }

    /// Makes and defines a rule.
    mutating func define(_ body: (inout GrammarBuilder) -> Void) -> Rule {
        let rule = builder.declareRule()
        builder.define(rule, body)
        return rule
    }

    /// The rule of a schema.
    ///
    /// - Parameters:
    ///   - schema: the schema.
    ///   - path: the place of the schema, for errors and for the order of members.
    ///   - depth: the nesting depth of the schema.
    mutating func rule(for schema: JSONValue, path: String, depth: Int) throws(OuroError) -> Rule {
        guard depth < Self.depthLimit else {
            throw fault(path, "expected at most \(Self.depthLimit) nested schemas")
        }
        guard !builder.isTooLarge else { throw fault(path, "the schema is too large") }
        if schema == .bool(true) { return shared.value }
        guard case .object(let members) = schema else {
            throw fault(path, "expected a schema, found \(schema.typeName)")
        }
        if case .string(let reference)? = members["$ref"] {
            try allow(members, ["$ref"], path)
            return try rule(for: reference, path: path, depth: depth)
        }
        for name in ["enum", "const"] {
            guard let value = members[name] else { continue }
            try allow(members, [name, "type"], path)
            return try values(name == "const" ? .array([value]) : value, members["type"], "\(path).\(name)")
        }
        for name in ["anyOf", "oneOf"] {
            guard let options = members[name] else { continue }
            try allow(members, [name], path)
            guard case .array(let options) = options, !options.isEmpty, options.count <= 64 else {
                throw fault("\(path).\(name)", "expected a list of 1 to 64 schemas")
            }
            var rules: [Rule] = []
            for (index, option) in options.enumerated() {
                rules.append(try rule(for: option, path: "\(path).\(name)[\(index)]", depth: depth + 1))
            }
            return define { builder in builder.choice(rules.map { rule in { $0.call(rule) } }) }
        }
        return try typed(members, path: path, depth: depth)
    }

    /// The rule for one of a list of values. Values of another type than the schema's are left out.
    private mutating func values(
        _ values: JSONValue, _ type: JSONValue?, _ path: String
    ) throws(OuroError) -> Rule {
        guard case .array(let values) = values, !values.isEmpty, values.count <= 1024 else {
            throw fault(path, "expected a list of 1 to 1024 values")
        }
        let types: [JSONValue] =
            switch type {
            case nil: []
            case .array(let list)?: list
            case let one?: [one]
            }
        let allowed = values.filter { value in
            types.isEmpty || types.contains { value.schemaTypes.map(JSONValue.string).contains($0) }
        }
        guard !allowed.isEmpty else { throw fault(path, "no value has the type that the schema requires") }
        return define { builder in builder.choice(allowed.map { value in { $0.literal(value.text) } }) }
    }

    /// The rule for any value of the types that `type` names. The keywords of objects and arrays restrict it further.
    private mutating func typed(
        _ members: JSONObject, path: String, depth: Int
    ) throws(OuroError) -> Rule {
        let names: [String]
        switch members["type"] {
        case .string(let name)?: names = [name]
        case .array(let list)?:
            names = list.compactMap { if case .string(let name) = $0 { name } else { nil } }
            guard names.count == list.count, !names.isEmpty else {
                throw fault(path + ".type", "expected a list of distinct type names")
            }
        case nil:
            // Without `type`, a keyword of objects or arrays decides.
            names = members["properties"] != nil ? ["object"] : members["items"] != nil ? ["array"] : []
        case let other?: throw fault(path + ".type", "expected a name, found \(other.typeName)")
        }
        try allow(members, names.reduce(into: ["type"]) { $0.formUnion(Self.keywords[$1] ?? []) }, path)
        guard !names.isEmpty else { return shared.value }
        var rules: [Rule] = []
        for name in names {
            guard let any = shared[name] else {
                throw fault(
                    path + ".type", "expected one of \(JSONRules.types.joined(separator: ", ")), found '\(name)'")
            }
            switch name {
            case "object": rules.append(try object(members, path: path, depth: depth) ?? any)
            case "array": rules.append(try array(members, path: path, depth: depth) ?? any)
            default: rules.append(any)
            }
        }
        if rules.count == 1 { return rules[0] }
        return define { builder in builder.choice(rules.map { rule in { $0.call(rule) } }) }
    }

    /// The rule of the schema that a `$ref` points to. A schema may refer to itself.
    private mutating func rule(for reference: String, path: String, depth: Int) throws(OuroError) -> Rule {
        if let known = references[reference] { return known }
        guard reference == "#" || reference.hasPrefix("#/") else {
            throw fault(path + ".$ref", "expected a place in this schema, such as #/$defs/NAME")
        }
        let names = reference.dropFirst(2).split(separator: "/", omittingEmptySubsequences: true).map {
            String($0).replacing("~1", with: "/").replacing("~0", with: "~")
        }
        guard let target = names.reduce(schema.value, { $0?[$1] }) else {
            throw fault(path + ".$ref", "the schema has no \(reference)")
        }
        let name = builder.declareRule()
        references[reference] = name
        let inner = try rule(for: target, path: (["schema"] + names).joined(separator: "."), depth: depth + 1)
        builder.define(name) { $0.call(inner) }
        return name
    }

    /// Throws for every keyword that is neither among `names` nor an annotation.
    private func allow(
        _ members: JSONObject, _ names: Set<String>, _ path: String
    ) throws(OuroError) {
        for name in members.keys where !names.contains(name) && !Self.annotations.contains(name) {
            throw OuroError(.unsupported, field: "\(path).\(name)", "this keyword is not supported; remove it")
        }
    }
}

extension JSONValue {
    /// JSON schema's names for the value's type.
    fileprivate var schemaTypes: [String] {
        switch self {
        case .null: ["null"]
        case .bool: ["boolean"]
        case .int: ["integer", "number"]
        case .bigInteger: ["integer", "number"]
        case .double(let value): value.rounded() == value ? ["integer", "number"] : ["number"]
        case .string: ["string"]
        case .array: ["array"]
        case .object: ["object"]
        }
    }
}
