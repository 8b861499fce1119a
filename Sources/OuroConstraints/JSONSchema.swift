import Foundation
import Ouro

/// A JSON schema that a text is to follow.
///
/// Supported are `type` (one or several), `properties` with `required` and `additionalProperties`, `items` with `minItems`
/// and `maxItems`, `enum`, `const`, `anyOf`, `oneOf`, `$ref` to a place in the schema, and annotations such as `title`.
/// Compiling a schema with any other keyword is an error, because a text that ignored the keyword would look as if it
/// followed the schema.
///
/// The texts are compact JSON. An object with `properties` has no other members, and its members come in the order of the
/// schema's text. An object or array without `properties` or `items` may contain anything.
public struct JSONSchema: Sendable, Equatable {
    /// The schema of any JSON object.
    public static let anyObject = JSONSchema(.object(["type": .string("object")]))

    let value: JSONValue
    /// Names of members in the order of the text, by the object's place: `schema.properties.a`.
    let memberOrder: [String: [String]]

    /// Parses a schema from its text.
    ///
    /// - Throws: ``OuroError`` with code `invalidRequest` if the text is not JSON, has a key twice in one object, or is
    ///   nested deeper than 64 levels. Whether the keywords are supported is found when the schema is compiled.
    public init(parsing text: String) throws(OuroError) {
        let data = Data(text.utf8)
        let value = try StrictJSON.decode(JSONValue.self, from: data, file: "schema", code: .invalidRequest)
        let order = try StrictJSON.memberOrder(data, file: "schema", code: .invalidRequest)
        self.init(
            value,
            memberOrder: order.reduce(into: [:]) { $0[$1.key.isEmpty ? "schema" : "schema." + $1.key] = $1.value })
    }

    /// A schema whose text is not known: members come in the order of their names.
    public init(_ value: JSONValue) { self.init(value, memberOrder: [:]) }

    /// - Parameters:
    ///   - memberOrder: names of members in the order of the schema's text, by the object's place. The place of the schema
    ///     itself is `schema`.
    package init(_ value: JSONValue, memberOrder: [String: [String]]) {
        self.value = value
        self.memberOrder = memberOrder
    }

    /// Equal for equal schemas only. Bytes, because Swift takes strings for equal that differ in their bytes.
    var identity: [UInt8] {
        let order = memberOrder.sorted { $0.key < $1.key }.map {
            JSONValue.array(($0.value + [$0.key]).map { .string($0) })
        }
        return Array(JSONValue.array([value] + order).compact.utf8)
    }
}

extension JSONValue {
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
