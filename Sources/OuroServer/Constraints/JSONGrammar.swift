import Ouro

/// Grammars of JSON texts: any object, or what a schema describes.
///
/// The texts are compact: at most one space after a comma or a colon, members in the order of the schema. Supported of JSON
/// schemas: `type` (one or several), `properties` with `required` and `additionalProperties: false`, `items` with `minItems`
/// and `maxItems`, `enum`, `const`, `anyOf`, `oneOf`, `$ref` to `#/$defs/...`, and annotations. Every other keyword is refused,
/// because a text that ignored it would look as if it had been followed.
enum JSONGrammar {
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "$schema", "$id", "$comment", "$defs", "definitions",
    ]
    private static let keywords: [String: Set<String>] = [
        "object": ["properties", "required", "additionalProperties"], "array": ["items", "minItems", "maxItems"],
    ]
    private static let types = ["object", "array", "string", "number", "integer", "boolean", "null"]
    private static let depthLimit = 32
    private static let itemLimit = 256

    static func anyObject() throws -> Grammar {
        var builder = GrammarBuilder()
        let shared = SharedRules(&builder)
        return builder.finish(shared.object)
    }

    /// - Throws: ``APIError`` with status 400 for what is not supported.
    static func schema(_ schema: JSONValue) throws -> Grammar {
        var compiler = Compiler(root: schema)
        let rule = try compiler.rule(for: schema, path: "schema", depth: 0)
        return compiler.builder.finish(rule)
    }

    /// Rules for any value of a type.
    struct SharedRules {
        let value: Int
        let object: Int
        let array: Int
        let string: Int
        let number: Int
        let integer: Int
        let boolean: Int
        let null: Int

        init(_ builder: inout GrammarBuilder) {
            let names = (0..<8).map { _ in builder.declareRule() }
            (value, object, array, string) = (names[0], names[1], names[2], names[3])
            (number, integer, boolean, null) = (names[4], names[5], names[6], names[7])
            let (value, object, array, string) = (value, object, array, string)
            let (number, integer, boolean, null) = (number, integer, boolean, null)
            builder.define(value) { builder in
                builder.choice([object, array, string, number, boolean, null].map { rule in { $0.call(rule) } })
            }
            builder.define(object) { builder in
                builder.literal("{")
                builder.optional { builder in
                    func member(_ builder: inout GrammarBuilder) {
                        builder.call(string)
                        builder.literal(":")
                        JSONGrammar.space(&builder)
                        builder.call(value)
                    }
                    member(&builder)
                    builder.anyNumber { builder in
                        builder.literal(",")
                        JSONGrammar.space(&builder)
                        member(&builder)
                    }
                }
                builder.literal("}")
            }
            builder.define(array) { builder in
                builder.literal("[")
                builder.optional { builder in
                    builder.call(value)
                    builder.anyNumber { builder in
                        builder.literal(",")
                        JSONGrammar.space(&builder)
                        builder.call(value)
                    }
                }
                builder.literal("]")
            }
            builder.define(string) { builder in
                builder.literal("\"")
                builder.anyNumber { JSONGrammar.character(&$0) }
                builder.literal("\"")
            }
            builder.define(integer) { JSONGrammar.integer(&$0) }
            builder.define(number) { builder in
                JSONGrammar.integer(&builder)
                builder.optional { builder in
                    builder.literal(".")
                    JSONGrammar.digits(&builder)
                }
                builder.optional { builder in
                    builder.set("eE".utf8)
                    builder.optional { $0.set("+-".utf8) }
                    JSONGrammar.digits(&builder)
                }
            }
            builder.define(boolean) { $0.choice([{ $0.literal("true") }, { $0.literal("false") }]) }
            builder.define(null) { $0.literal("null") }
        }

        func rule(_ type: String) -> Int? {
            switch type {
            case "object": object
            case "array": array
            case "string": string
            case "number": number
            case "integer": integer
            case "boolean": boolean
            case "null": null
            default: nil
            }
        }
    }

    private static func space(_ builder: inout GrammarBuilder) { builder.optional { $0.literal(" ") } }

    private static func digits(_ builder: inout GrammarBuilder) {
        builder.set("0123456789".utf8)
        builder.anyNumber { $0.set("0123456789".utf8) }
    }

    private static func integer(_ builder: inout GrammarBuilder) {
        builder.optional { $0.literal("-") }
        builder.choice([
            { $0.literal("0") },
            { builder in
                builder.set("123456789".utf8)
                builder.anyNumber { $0.set("0123456789".utf8) }
            },
        ])
    }

    /// A character of a string: an escape, or UTF-8 of what needs none.
    private static func character(_ builder: inout GrammarBuilder) {
        let tail = UInt8(0x80)...0xBF
        func bytes(_ sets: [ClosedRange<UInt8>]) -> (inout GrammarBuilder) -> Void {
            { builder in for set in sets { builder.set(set) } }
        }
        let hex = Array("0123456789abcdefABCDEF".utf8)
        builder.choice([
            { $0.set((UInt8(0x20)...0x7F).filter { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) },
            { builder in
                builder.literal("\\")
                builder.choice([
                    { $0.set("\"\\/bfnrt".utf8) },
                    { builder in
                        builder.literal("u")
                        for _ in 0..<4 { builder.set(hex) }
                    },
                ])
            },
            bytes([0xC2...0xDF, tail]), bytes([0xE0...0xE0, 0xA0...0xBF, tail]), bytes([0xE1...0xEC, tail, tail]),
            bytes([0xED...0xED, 0x80...0x9F, tail]), bytes([0xEE...0xEF, tail, tail]),
            bytes([0xF0...0xF0, 0x90...0xBF, tail, tail]), bytes([0xF1...0xF3, tail, tail, tail]),
            bytes([0xF4...0xF4, 0x80...0x8F, tail, tail]),
        ])
    }

    /// Turns schemas into rules.
    private struct Compiler {
        let root: JSONValue
        var builder = GrammarBuilder()
        private let shared: SharedRules
        private var references: [String: Int] = [:]

        init(root: JSONValue) {
            self.root = root
            shared = SharedRules(&builder)
        }

        private func fault(_ path: String, _ message: String) -> APIError {
            .badRequest("response_format", "response_format.json_schema.\(path): \(message)")
        }

        mutating func rule(for schema: JSONValue, path: String, depth: Int) throws -> Int {
            guard depth < JSONGrammar.depthLimit else {
                throw fault(path, "expected at most \(JSONGrammar.depthLimit) schemas inside each other")
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
            try allow(members, names.reduce(into: ["type"]) { $0.formUnion(JSONGrammar.keywords[$1] ?? []) }, path)
            guard !names.isEmpty else { return shared.value }
            var rules: [Int] = []
            for name in names {
                guard let any = shared.rule(name) else {
                    throw fault(
                        path + ".type", "expected one of \(JSONGrammar.types.joined(separator: ", ")), found '\(name)'")
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

        /// Members in the order of their names, since JSON objects have none; required ones must be there.
        private mutating func object(_ members: [String: JSONValue], path: String, depth: Int) throws -> Int? {
            if let more = members["additionalProperties"], more != .bool(false), more != .bool(true) {
                throw fault(path + ".additionalProperties", "only true and false are supported")
            }
            guard let properties = members["properties"] else {
                guard members["required"] == nil else { throw fault(path + ".required", "needs properties") }
                guard members["additionalProperties"] != .bool(false) else { return define { $0.literal("{}") } }
                return nil
            }
            guard case .object(let schemas) = properties, schemas.count <= JSONGrammar.itemLimit else {
                throw fault(path + ".properties", "expected an object of at most \(JSONGrammar.itemLimit) schemas")
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
            for (name, schema) in schemas.sorted(by: { $0.key < $1.key }) {
                let rule = try rule(for: schema, path: "\(path).properties.\(name)", depth: depth + 1)
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
                guard case .int(let number) = value, (0...JSONGrammar.itemLimit).contains(number) else {
                    throw fault("\(path).\(name)", "expected an integer from 0 to \(JSONGrammar.itemLimit)")
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
            var target: JSONValue? = root
            for part in reference.dropFirst(2).split(separator: "/", omittingEmptySubsequences: true) {
                target = target?[String(part).replacing("~1", with: "/").replacing("~0", with: "~")]
            }
            guard let target else { throw fault(path + ".$ref", "there is no \(reference)") }
            let name = builder.declareRule()
            references[reference] = name
            let inner = try rule(for: target, path: reference, depth: depth + 1)
            builder.define(name) { $0.call(inner) }
            return name
        }

        private mutating func define(_ body: (inout GrammarBuilder) -> Void) -> Int {
            let rule = builder.declareRule()
            builder.define(rule, body)
            return rule
        }

        private func allow(_ members: [String: JSONValue], _ names: Set<String>, _ path: String) throws {
            for name in members.keys.sorted() where !names.contains(name) && !JSONGrammar.annotations.contains(name) {
                throw fault("\(path).\(name)", "is not supported")
            }
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

    /// The value on one line, members in the order of their names.
    var compact: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): "\(value)"
        case .double(let value): JSONOutput.double(value).text
        case .string(let value): JSONText.quote(value)
        case .array(let values): "[" + values.map(\.compact).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { "\(JSONText.quote($0.key)):\($0.value.compact)" }
                .joined(separator: ",") + "}"
        }
    }
}
