import Ouro

/// The rules for objects and arrays whose schema describes their contents.
extension JSONSchemaCompiler {
    /// The rule for an object, with members in the order of the schema; nil if the schema does not list members.
    mutating func object(
        _ members: JSONObject, path: String, depth: Int
    ) throws(OuroError) -> Rule? {
        if let more = members["additionalProperties"], more != .bool(false), more != .bool(true) {
            throw OuroError(
                .unsupported, field: path + ".additionalProperties", "only true and false are supported")
        }
        guard let properties = members["properties"] else {
            guard members["required"] == nil else { throw fault(path + ".required", "'required' needs 'properties'") }
            guard members["additionalProperties"] != .bool(false) else { return define { $0.literal("{}") } }
            return nil
        }
        guard case .object(let schemas) = properties, schemas.count <= Self.itemLimit else {
            throw fault(path + ".properties", "expected an object of at most \(Self.itemLimit) schemas")
        }
        let required = try required(members["required"], of: schemas, path: path)
        var parts: [(key: String, rule: Rule, isRequired: Bool)] = []
        for (name, member) in schemas {
            let rule = try rule(for: member, path: "\(path).properties.\(name)", depth: depth + 1)
            parts.append((JSONText.quote(name), rule, required.contains(ExactString(name))))
        }
        func member(_ builder: inout GrammarBuilder, _ index: Int) {
            builder.literal(parts[index].key + ":")
            JSONRules.space(&builder)
            builder.call(parts[index].rule)
        }
        func laterMember(_ builder: inout GrammarBuilder, _ index: Int) {
            JSONRules.comma(&builder)
            member(&builder, index)
        }
        // The first member is the first required one, or an optional one before it.
        let firstRequired = parts.firstIndex(where: \.isRequired)
        return define { builder in
            builder.literal("{")
            builder.sequence(
                count: parts.count, beginnings: firstRequired.map { $0 + 1 } ?? parts.count,
                mayBeEmpty: firstRequired == nil, first: member,
                later: { builder, index in
                    if parts[index].isRequired {
                        laterMember(&builder, index)
                    } else {
                        builder.optional { laterMember(&$0, index) }
                    }
                })
            builder.literal("}")
        }
    }

    private func required(
        _ list: JSONValue?, of schemas: JSONObject, path: String
    ) throws(OuroError) -> Set<ExactString> {
        guard let list else { return [] }
        guard case .array(let names) = list else { throw fault(path + ".required", "expected a list of names") }
        var required: Set<ExactString> = []
        for name in names {
            guard case .string(let name) = name, schemas[name] != nil else {
                throw fault(path + ".required", "expected names that 'properties' lists")
            }
            required.insert(ExactString(name))
        }
        return required
    }

    /// The rule for an array, if the schema restricts its elements or their number; otherwise nil.
    mutating func array(_ members: JSONObject, path: String, depth: Int) throws(OuroError) -> Rule? {
        func count(_ name: String) throws(OuroError) -> Int? {
            guard let value = members[name] else { return nil }
            guard case .int(let number) = value, (0...Self.itemLimit).contains(number) else {
                throw fault("\(path).\(name)", "expected an integer from 0 to \(Self.itemLimit)")
            }
            return number
        }
        let (least, most) = (try count("minItems") ?? 0, try count("maxItems"))
        guard members["items"] != nil || least > 0 || most != nil else { return nil }
        guard most ?? least >= least else { throw fault(path + ".maxItems", "expected at least 'minItems'") }
        var item = shared.value
        if let schema = members["items"] { item = try rule(for: schema, path: path + ".items", depth: depth + 1) }
        func element(_ builder: inout GrammarBuilder, _ index: Int) {
            if index > 0 { JSONRules.comma(&builder) }
            builder.call(item)
        }
        /// The optional elements from an index on.
        func optionalElements(_ builder: inout GrammarBuilder, from index: Int) {
            if let most {
                guard index < most else { return }
                builder.optional { builder in
                    element(&builder, index)
                    optionalElements(&builder, from: index + 1)
                }
            } else if index == 0 {
                builder.optional { builder in
                    element(&builder, 0)
                    builder.anyNumber { element(&$0, 1) }
                }
            } else {
                builder.anyNumber { element(&$0, index) }
            }
        }
        return define { builder in
            builder.literal("[")
            for index in 0..<least { element(&builder, index) }
            optionalElements(&builder, from: least)
            builder.literal("]")
        }
    }
}
