import Ouro
import OuroConstraints

/// The request's field `response_format`.
enum ResponseFormat: Equatable {
    /// Any text.
    case text
    /// JSON that follows a schema. For `json_object` the schema allows any object.
    case json(JSONSchema)

    init(_ fields: RequestFields) throws {
        guard let format = try fields.object("response_format") else {
            self = .text
            return
        }
        switch try format.string("type") {
        case "text": self = .text
        case "json_object": self = .json(.anyObject)
        case "json_schema":
            guard let schema = try format.object("json_schema")?["schema"] else {
                throw format.failure("json_schema.schema", "the field is missing")
            }
            self = .json(JSONSchema(schema))
        default: throw format.failure("type", "expected text, json_object or json_schema")
        }
    }
}
