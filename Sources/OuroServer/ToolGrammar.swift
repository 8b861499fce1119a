import Ouro
import OuroConstraints

/// Writes the grammar of a model's calls.
struct ToolGrammar {
    let format: ToolFormat
    let tools: [Tool]

    init(format: ToolFormat, tools: [Tool]) { (self.format, self.tools) = (format, tools) }

    /// The parts of an answer that a grammar covers.
    enum Part {
        /// One call without its marks.
        case body
        /// Everything after the first opening mark.
        case afterMark(isParallel: Bool)
        /// Calls with their marks, and nothing else.
        case calls(isParallel: Bool)
        /// Calls with their marks, or a text of another grammar.
        case callsOr(Grammar, isParallel: Bool)
    }

    /// - Throws: `APIError` with status 400 for a schema that cannot be compiled. It names the field of the schema.
    func grammar(_ part: Part) throws -> Grammar {
        var builder = GrammarBuilder()
        let body = try body(&builder)
        let start = builder.declareRule()
        let hasMarks = format.style != .bare && format.marks == nil
        /// Further calls after a call that is complete.
        func more(_ builder: inout GrammarBuilder, _ isParallel: Bool) {
            guard isParallel, hasMarks else { return }
            builder.anyNumber { builder in
                Self.newline(&builder)
                builder.literal(ToolFormat.opening)
                builder.call(body)
                builder.literal(ToolFormat.closing)
            }
        }
        func calls(_ builder: inout GrammarBuilder, _ isParallel: Bool) {
            if hasMarks { builder.literal(ToolFormat.opening) }
            builder.call(body)
            if hasMarks { builder.literal(ToolFormat.closing) }
            more(&builder, isParallel)
        }
        switch part {
        case .body: return try finish(builder, body)
        case .afterMark(let isParallel):
            builder.define(start) { builder in
                builder.call(body)
                if hasMarks { builder.literal(ToolFormat.closing) }
                more(&builder, isParallel)
            }
        case .calls(let isParallel):
            builder.define(start) { builder in
                Self.newline(&builder)
                calls(&builder, isParallel)
            }
        case .callsOr(let other, let isParallel):
            let text = builder.embed(other)
            builder.define(start) { builder in
                builder.choice([{ $0.call(text) }, { calls(&$0, isParallel) }])
            }
        }
        return try finish(builder, start)
    }

    private func finish(_ builder: GrammarBuilder, _ rule: GrammarBuilder.Rule) throws -> Grammar {
        do throws(OuroError) {
            return try builder.finish(rule)
        } catch {
            throw APIError.badRequest("tools", "tools: \(error.message)")
        }
    }

    private static func newline(_ builder: inout GrammarBuilder) { builder.optional { $0.literal("\n") } }

    private static func space(_ builder: inout GrammarBuilder) { builder.optional { $0.literal(" ") } }

    private func body(_ builder: inout GrammarBuilder) throws -> GrammarBuilder.Rule {
        let rule = builder.declareRule()
        switch format.style {
        case .json, .bare:
            var rules: [(name: String, arguments: GrammarBuilder.Rule)] = []
            for tool in tools { rules.append((tool.name, try embed(tool.parameters, of: tool, &builder))) }
            let key = JSONText.quote(format.argumentsKey)
            builder.define(rule) { builder in
                Self.newline(&builder)
                builder.literal("{\"name\":")
                Self.space(&builder)
                builder.choice(
                    rules.map { name, arguments in
                        { builder in
                            builder.literal(JSONText.quote(name) + ",")
                            Self.space(&builder)
                            builder.literal(key + ":")
                            Self.space(&builder)
                            builder.call(arguments)
                        }
                    })
                builder.literal("}")
                Self.newline(&builder)
            }
        case .xml:
            var functions: [(name: String, parameters: [(parameter: XMLParameter, value: GrammarBuilder.Rule)])] = []
            for tool in tools {
                let parameters = try XMLParameter.all(of: tool)
                functions.append(
                    (tool.name, try parameters.map { ($0, try value(of: $0, of: tool, &builder)) }))
            }
            builder.define(rule) { builder in
                Self.newline(&builder)
                builder.choice(
                    functions.map { name, parameters in
                        { builder in
                            builder.literal("<function=\(name)>\n")
                            for (parameter, value) in parameters {
                                let write: (inout GrammarBuilder) -> Void = { builder in
                                    builder.literal("<parameter=\(parameter.name)>\n")
                                    builder.call(value)
                                    builder.literal("\n</parameter>\n")
                                }
                                if parameter.isRequired { write(&builder) } else { builder.optional(write) }
                            }
                            builder.literal("</function>")
                        }
                    })
                Self.newline(&builder)
            }
        }
        return rule
    }

    private func embed(
        _ schema: JSONValue, of tool: Tool, field: String? = nil, _ builder: inout GrammarBuilder
    ) throws -> GrammarBuilder.Rule {
        do throws(OuroError) {
            return builder.embed(try Grammar(JSONSchema(schema)))
        } catch {
            let place = (error.field ?? "schema").trimmingPrefix("schema")
            let field = field ?? tool.field
            throw APIError.badRequest(field, "\(field)\(place): \(error.message)")
        }
    }

    private func value(
        of parameter: XMLParameter, of tool: Tool, _ builder: inout GrammarBuilder
    ) throws -> GrammarBuilder.Rule {
        switch parameter.kind {
        case .json:
            return try embed(
                parameter.schema, of: tool, field: "\(tool.field).properties.\(parameter.name)", &builder)
        case .oneOf(let texts):
            let rule = builder.declareRule()
            builder.define(rule) { builder in builder.choice(texts.map { text in { $0.literal(text) } }) }
            return rule
        case .text:
            let rule = builder.declareRule()
            builder.define(rule) { Self.textWithoutClosing(&$0) }
            return rule
        }
    }

    /// UTF-8 text without the mark that ends a parameter. A line of the text does not begin with `</`.
    private static func textWithoutClosing(_ builder: inout GrammarBuilder) {
        func rest(_ builder: inout GrammarBuilder) { builder.anyNumber { character(&$0, except: "\n") } }
        func line(_ builder: inout GrammarBuilder) {
            builder.optional { builder in
                builder.choice([
                    { builder in
                        character(&builder, except: "<\n")
                        rest(&builder)
                    },
                    { builder in
                        builder.literal("<")
                        builder.optional { builder in
                            character(&builder, except: "/\n")
                            rest(&builder)
                        }
                    },
                ])
            }
        }
        line(&builder)
        builder.anyNumber { builder in
            builder.literal("\n")
            line(&builder)
        }
    }

    /// A character in UTF-8: an ASCII character but some, or one of several bytes.
    private static func character(_ builder: inout GrammarBuilder, except excluded: String) {
        let tail = UInt8(0x80)...0xBF
        func bytes(_ sets: [ClosedRange<UInt8>]) -> (inout GrammarBuilder) -> Void {
            { builder in for set in sets { builder.byte(of: set) } }
        }
        let ascii = ([0x09, 0x0A, 0x0D] + Array(UInt8(0x20)...0x7E)).filter { !excluded.utf8.contains($0) }
        builder.choice([
            { $0.byte(of: ascii) },
            bytes([0xC2...0xDF, tail]), bytes([0xE0...0xE0, 0xA0...0xBF, tail]), bytes([0xE1...0xEC, tail, tail]),
            bytes([0xED...0xED, 0x80...0x9F, tail]), bytes([0xEE...0xEF, tail, tail]),
            bytes([0xF0...0xF0, 0x90...0xBF, tail, tail]), bytes([0xF1...0xF3, tail, tail, tail]),
            bytes([0xF4...0xF4, 0x80...0x8F, tail, tail]),
        ])
    }
}

/// One parameter of a function in the XML form.
struct XMLParameter: Sendable {
    enum Kind: Sendable, Equatable {
        /// Any text, without quotes.
        case text
        /// One of these texts, without quotes.
        case oneOf([String])
        /// A JSON value.
        case json
    }

    var name: String
    var kind: Kind
    var isRequired: Bool
    /// The schema of the value, with the definitions that it may refer to.
    var schema: JSONValue

    /// The parameters of a tool, in the order of the request.
    ///
    /// - Throws: `APIError` with status 400 if the schema is no list of properties.
    static func all(of tool: Tool) throws -> [XMLParameter] {
        guard case .object(let members) = tool.parameters else { return [] }
        for name in ["$ref", "anyOf", "oneOf", "allOf", "enum", "const"] where members[name] != nil {
            throw APIError.badRequest(
                tool.field,
                "\(tool.field).\(name): this model writes arguments one by one; describe them with 'properties'")
        }
        var required: [String] = []
        if case .array(let names)? = members["required"] {
            required = names.compactMap { if case .string(let name) = $0 { name } else { nil } }
        }
        let known = tool.parameterNames
        if let missing = required.first(where: { name in !known.contains { $0.utf8.elementsEqual(name.utf8) } }) {
            throw APIError.badRequest(
                tool.field, "\(tool.field).required: 'properties' has no '\(missing.prefix(40))'")
        }
        return try known.map { name in
            guard !name.isEmpty, !name.utf8.contains(where: { [0x3E, 0x3C, 0x0A, 0x0D].contains($0) }) else {
                throw APIError.badRequest(
                    tool.field, "\(tool.field).properties: this model cannot write the name '\(name.prefix(40))'")
            }
            let own = members["properties"]?[name] ?? .bool(true)
            return XMLParameter(
                name: name, kind: kind(of: own),
                isRequired: required.contains { $0.utf8.elementsEqual(name.utf8) },
                schema: withDefinitions(own, of: members))
        }
    }

    /// Strings are written without quotes if their schema has no restriction that needs a grammar.
    private static func kind(of schema: JSONValue) -> Kind {
        guard case .object(let members) = schema, members["type"] == .string("string") else { return .json }
        let free: Set<ExactString> = ["type", "title", "description", "default", "examples"]
        let keys = Set(members.map { ExactString($0.key) }).subtracting(free)
        if keys.isEmpty { return .text }
        guard keys == ["enum"], case .array(let values)? = members["enum"] else { return .json }
        let texts = values.compactMap { if case .string(let text) = $0 { text } else { nil } }
        let areSafe = texts.allSatisfy { !$0.isEmpty && !$0.contains("\n") && !$0.contains("</") }
        return texts.count == values.count && !texts.isEmpty && areSafe ? .oneOf(texts) : .json
    }

    private static func withDefinitions(_ schema: JSONValue, of root: JSONObject) -> JSONValue {
        guard case .object(var members) = schema else { return schema }
        for name in ["$defs", "definitions"] where members[name] == nil { members[name] = root[name] }
        return .object(members)
    }
}
