import Ouro

/// A schema, and the order that its text has besides.
struct JSONSchema: Equatable {
    let value: JSONValue
    /// Names of members in the order of the text, by the object's place: `schema.properties.a`.
    var memberOrder: [String: [String]] = [:]

    /// Equal schemas have equal names.
    var name: String {
        let order = memberOrder.sorted { $0.key < $1.key }.map {
            JSONValue.array(($0.value + [$0.key]).map { .string($0) })
        }
        return JSONValue.array([value] + order).compact
    }
}

/// Turns a schema into rules.
///
/// Supported are `type` (one or several), `properties` with `required` and `additionalProperties: false`, `items` with
/// `minItems` and `maxItems`, `enum`, `const`, `anyOf`, `oneOf`, `$ref` to `#/$defs/...`, and annotations. Every other keyword
/// is refused, because a text that ignored it would look as if it had been followed.
struct JSONSchemaCompiler {
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "$schema", "$id", "$comment", "$defs", "definitions",
    ]
    private static let keywords: [String: Set<String>] = [
        "object": ["properties", "required", "additionalProperties"], "array": ["items", "minItems", "maxItems"],
    ]
    private static let types = ["object", "array", "string", "number", "integer", "boolean", "null"]
    private static let depthLimit = 32
    private static let itemLimit = 256

    private let schema: JSONSchema
    private var builder = GrammarBuilder()
    private let shared: JSONGrammar.SharedRules
    private var references: [String: Int] = [:]

    init(_ schema: JSONSchema) {
        self.schema = schema
        shared = JSONGrammar.SharedRules(&builder)
    }

    mutating func grammar() throws -> Grammar {
        builder.finish(try rule(for: schema.value, path: "schema", depth: 0))
    }

    private func fault(_ path: String, _ message: String) -> APIError {
        .badRequest("response_format", "response_format.json_schema.\(path): \(message)")
    }

    private mutating func rule(for schema: JSONValue, path: String, depth: Int) throws -> Int {
        guard depth < Self.depthLimit else {
            throw fault(path, "expected at most \(Self.depthLimit) schemas inside each other")
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
            var rules: [Int] = []
            for (index, option) in options.enumerated() {
                rules.append(try rule(for: option, path: "\(path).\(name)[\(index)]", depth: depth + 1))
            }
            return define { builder in builder.choice(rules.map { rule in { $0.call(rule) } }) }
        }
        return try typed(members, path: path, depth: depth)
    }

    /// One of certain values, of which those of another type are none.
    private mutating func values(_ values: JSONValue, _ type: JSONValue?, _ path: String) throws -> Int {
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
        guard !allowed.isEmpty else { throw fault(path, "no value is of the type that is asked for") }
        return define { builder in builder.choice(allowed.map { value in { $0.literal(value.compact) } }) }
    }

    private mutating func typed(_ members: [String: JSONValue], path: String, depth: Int) throws -> Int {
        let names: [String]
        switch members["type"] {
        case .string(let name)?: names = [name]
        case .array(let list)?:
            names = list.compactMap { if case .string(let name) = $0 { name } else { nil } }
            guard names.count == list.count, !names.isEmpty else {
                throw fault(path + ".type", "expected names of types")
            }
        case nil:
            // A schema says what an object or an array is like only if it says that it is one.
            names = members["properties"] != nil ? ["object"] : members["items"] != nil ? ["array"] : []
        case let other?: throw fault(path + ".type", "expected a name, found \(other.typeName)")
        }
        try allow(members, names.reduce(into: ["type"]) { $0.formUnion(Self.keywords[$1] ?? []) }, path)
        guard !names.isEmpty else { return shared.value }
        var rules: [Int] = []
        for name in names {
            guard let any = shared.rule(name) else {
                throw fault(
                    path + ".type", "expected one of \(Self.types.joined(separator: ", ")), found '\(name)'")
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

    /// Members in the order of the schema; required ones must be there.
    private mutating func object(_ members: [String: JSONValue], path: String, depth: Int) throws -> Int? {
        if let more = members["additionalProperties"], more != .bool(false), more != .bool(true) {
            throw fault(path + ".additionalProperties", "only true and false are supported")
        }
        guard let properties = members["properties"] else {
            guard members["required"] == nil else { throw fault(path + ".required", "needs properties") }
            guard members["additionalProperties"] != .bool(false) else { return define { $0.literal("{}") } }
            return nil
        }
        guard case .object(let schemas) = properties, schemas.count <= Self.itemLimit else {
            throw fault(path + ".properties", "expected an object of at most \(Self.itemLimit) schemas")
        }
        var required: Set<String> = []
        if let list = members["required"] {
            guard case .array(let names) = list else { throw fault(path + ".required", "expected a list") }
            for name in names {
                guard case .string(let name) = name, schemas[name] != nil else {
                    throw fault(path + ".required", "expected names of properties")
                }
                required.insert(name)
            }
        }
        var parts: [(key: String, rule: Int, isRequired: Bool)] = []
        for name in schema.memberOrder["\(path).properties"] ?? schemas.keys.sorted() {
            guard let member = schemas[name] else { continue }
            let rule = try rule(for: member, path: "\(path).properties.\(name)", depth: depth + 1)
            parts.append((JSONText.quote(name), rule, required.contains(name)))
        }
        return define { builder in
            builder.literal("{")
            Self.members(&builder, parts)
            builder.literal("}")
        }
    }

    /// What may follow when some member has come, and when none has: commas stand between members only. For every
    /// place in the list there are these two rules.
    private static func members(
        _ builder: inout GrammarBuilder, _ parts: [(key: String, rule: Int, isRequired: Bool)]
    ) {
        func member(_ builder: inout GrammarBuilder, _ index: Int, isFirst: Bool) {
            if !isFirst {
                builder.literal(",")
                JSONGrammar.space(&builder)
            }
            builder.literal(parts[index].key + ":")
            JSONGrammar.space(&builder)
            builder.call(parts[index].rule)
        }
        func later(_ builder: inout GrammarBuilder, from index: Int) {
            for place in index..<parts.count {
                if parts[place].isRequired {
                    member(&builder, place, isFirst: false)
                } else {
                    builder.optional { member(&$0, place, isFirst: false) }
                }
            }
        }
        // The first member that comes is a required one or an optional one before it.
        let firstRequired = parts.firstIndex(where: \.isRequired)
        let candidates = 0..<(firstRequired.map { $0 + 1 } ?? parts.count)
        var options: [(inout GrammarBuilder) -> Void] = candidates.map { index in
            { builder in
                member(&builder, index, isFirst: true)
                later(&builder, from: index + 1)
            }
        }
        if firstRequired == nil { options.append({ _ in }) }
        builder.choice(options)
    }

    private mutating func array(_ members: [String: JSONValue], path: String, depth: Int) throws -> Int? {
        func count(_ name: String) throws -> Int? {
            guard let value = members[name] else { return nil }
            guard case .int(let number) = value, (0...Self.itemLimit).contains(number) else {
                throw fault("\(path).\(name)", "expected an integer from 0 to \(Self.itemLimit)")
            }
            return number
        }
        let (least, most) = (try count("minItems") ?? 0, try count("maxItems"))
        guard members["items"] != nil || least > 0 || most != nil else { return nil }
        guard most ?? least >= least else { throw fault(path + ".maxItems", "is less than minItems") }
        let item =
            try members["items"].map { try rule(for: $0, path: path + ".items", depth: depth + 1) } ?? shared.value
        func next(_ builder: inout GrammarBuilder, _ index: Int) {
            if index > 0 {
                builder.literal(",")
                JSONGrammar.space(&builder)
            }
            builder.call(item)
        }
        func rest(_ builder: inout GrammarBuilder, from index: Int) {
            if let most {
                guard index < most else { return }
                builder.optional { builder in
                    next(&builder, index)
                    rest(&builder, from: index + 1)
                }
            } else if index == 0 {
                builder.optional { builder in
                    next(&builder, 0)
                    builder.anyNumber { next(&$0, 1) }
                }
            } else {
                builder.anyNumber { next(&$0, index) }
            }
        }
        return define { builder in
            builder.literal("[")
            for index in 0..<least { next(&builder, index) }
            rest(&builder, from: least)
            builder.literal("]")
        }
    }

    /// A schema elsewhere in the text, which may refer to itself.
    private mutating func rule(for reference: String, path: String, depth: Int) throws -> Int {
        if let known = references[reference] { return known }
        guard reference == "#" || reference.hasPrefix("#/") else {
            throw fault(path + ".$ref", "expected a place in this schema, as #/$defs/NAME")
        }
        let names = reference.dropFirst(2).split(separator: "/", omittingEmptySubsequences: true).map {
            String($0).replacing("~1", with: "/").replacing("~0", with: "~")
        }
        guard let target = names.reduce(schema.value, { $0?[$1] }) else {
            throw fault(path + ".$ref", "there is no \(reference)")
        }
        let name = builder.declareRule()
        references[reference] = name
        let inner = try rule(for: target, path: (["schema"] + names).joined(separator: "."), depth: depth + 1)
        builder.define(name) { $0.call(inner) }
        return name
    }

    private mutating func define(_ body: (inout GrammarBuilder) -> Void) -> Int {
        let rule = builder.declareRule()
        builder.define(rule, body)
        return rule
    }

    private func allow(_ members: [String: JSONValue], _ names: Set<String>, _ path: String) throws {
        for name in members.keys.sorted() where !names.contains(name) && !Self.annotations.contains(name) {
            throw fault("\(path).\(name)", "is not supported")
        }
    }
}

extension JSONValue {
    /// What JSON schemas call the value's type.
    fileprivate var schemaTypes: [String] {
        switch self {
        case .null: ["null"]
        case .bool: ["boolean"]
        case .int: ["integer", "number"]
        case .double(let value): value.rounded() == value ? ["integer", "number"] : ["number"]
        case .string: ["string"]
        case .array: ["array"]
        case .object: ["object"]
        }
    }
}
