import Ouro
import OuroConstraints

/// The texts that an answer may be: `response_format`, and the fields of other servers that mean the same.
enum ResponseFormat: Equatable {
    /// Any text.
    case text
    /// JSON that follows a schema. For `json_object` without a schema, any object.
    case json(JSONSchema)
    /// One of these texts.
    case choice([String])
    /// The texts that a regular expression matches.
    case regex(String)
    /// The texts of a grammar in llama.cpp's notation.
    case grammar(String)

    /// The fields that restrict the text. A request has at most one.
    private static let fields = [
        "response_format", "structured_outputs", "guided_json", "guided_choice", "guided_regex", "guided_grammar",
        "json_schema", "grammar", "regex",
    ]

    init(_ fields: RequestFields) throws {
        let given = try Self.fields.filter { name in
            guard fields.has(name) else { return false }
            // A format of plain text restricts nothing.
            return try name != "response_format" || fields.object(name)?.string("type") != "text"
        }
        guard let name = given.first else {
            self = .text
            return
        }
        guard given.count == 1 else {
            throw fields.failure(given[1], "excludes \(name); give one of them")
        }
        switch name {
        case "response_format": self = try Self.openAI(fields)
        case "structured_outputs": self = try Self.structured(fields)
        case "guided_json", "json_schema": self = try .json(Self.schema(fields, name, of: fields))
        case "guided_choice": self = try Self.choice(fields, name)
        case "guided_regex", "regex": self = .regex(try Self.text(fields, name))
        default: self = .grammar(try Self.text(fields, name))
        }
    }

    private static func openAI(_ fields: RequestFields) throws -> ResponseFormat {
        guard let format = try fields.object("response_format") else { return .text }
        switch try format.string("type") {
        case "text": return .text
        case "json_object":
            guard format.has("schema") else { return .json(.anyObject) }
            return .json(try schema(format, "schema", of: fields))
        case "json_schema":
            // Most clients nest the schema; llama.cpp's do not.
            if !format.has("json_schema"), format.has("schema") {
                return .json(try schema(format, "schema", of: fields))
            }
            guard let inner = try format.object("json_schema"), inner.has("schema") else {
                throw format.failure("json_schema.schema", "the field is missing")
            }
            return .json(try schema(inner, "schema", of: fields))
        default: throw format.failure("type", "expected text, json_object or json_schema")
        }
    }

    /// vLLM's `structured_outputs`: an object with one of `json`, `choice`, `json_object`, `regex`, `grammar`.
    private static func structured(_ fields: RequestFields) throws -> ResponseFormat {
        guard let format = try fields.object("structured_outputs") else { return .text }
        let given = ["json", "choice", "json_object", "regex", "grammar", "structural_tag"].filter(format.has)
        guard given.count == 1, let name = given.first else {
            throw fields.failure(
                "structured_outputs",
                "expected one of json, choice, json_object, regex and grammar, found \(given.count)")
        }
        switch name {
        case "json": return .json(try schema(format, name, of: fields))
        case "choice": return try choice(format, name)
        case "json_object": return try format.flag(name) == true ? .json(.anyObject) : .text
        case "regex": return .regex(try text(format, name))
        case "grammar": return .grammar(try text(format, name))
        default: throw format.failure(name, "is not supported; use json, choice, json_object, regex or grammar")
        }
    }

    /// Reads a schema: an object, or the text of one.
    static func schema(_ fields: RequestFields, _ name: String, of request: RequestFields) throws -> JSONSchema {
        switch fields[name] {
        case .string(let text)?:
            do throws(OuroError) {
                return try JSONSchema(parsing: text)
            } catch {
                throw fields.failure(name, "expected a JSON schema: \(error.message)")
            }
        case .object?, .bool?:
            return JSONSchema(fields[name] ?? .null)
        case let other: throw fields.failure(name, "expected a JSON schema, found \(other?.typeName ?? "nothing")")
        }
    }

    private static func choice(_ fields: RequestFields, _ name: String) throws -> ResponseFormat {
        let texts = try fields.array(name, limit: 1024) ?? []
        return .choice(
            try texts.map { text in
                guard case .string(let text) = text, !text.isEmpty else {
                    throw fields.failure(name, "expected texts that are not empty, found \(text.typeName)")
                }
                return text
            })
    }

    /// The grammar of the texts. Nil for any text.
    func grammar() throws(OuroError) -> Grammar? {
        switch self {
        case .text: return nil
        case .json(let schema): return try Grammar(schema)
        case .choice(let texts): return try Grammar(choices: texts)
        case .regex(let text): return try Grammar(regex: text)
        case .grammar(let text): return try Grammar(gbnf: text)
        }
    }

    /// The place of the schema in the request, for errors. Nil for any text.
    static func place(in fields: RequestFields) -> (field: String, place: String)? {
        guard let name = Self.fields.first(where: fields.has) else { return nil }
        guard name == "response_format" else { return (name, name) }
        return (name, fields[name]?["type"] == .string("json_object") ? "\(name).schema" : "\(name).json_schema.schema")
    }

    private static func text(_ fields: RequestFields, _ name: String) throws -> String {
        guard let text = try fields.string(name), !text.isEmpty else {
            throw fields.failure(name, "expected a text that is not empty")
        }
        return text
    }
}
