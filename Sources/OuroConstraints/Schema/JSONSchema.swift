import Foundation
import Ouro

/// A JSON schema that a text must match.
///
/// | values | keywords |
/// | --- | --- |
/// | any | `type` (one or several), `enum`, `const`, `anyOf`, `oneOf`, `allOf`, `$ref`, `$anchor`, `nullable`, `true`, `false` |
/// | strings | `pattern`, `format`, `minLength`, `maxLength` |
/// | numbers | `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf` |
/// | arrays | `items`, `prefixItems`, `minItems`, `maxItems`, `uniqueItems` for few values |
/// | objects | `properties`, `required`, `additionalProperties`, `propertyNames`, `minProperties`, `maxProperties` |
///
/// Annotations such as `title`, `default` and `x-...` are ignored, and so are formats that JSON Schema does not define.
/// Compiling a schema with any other keyword is an error, because ignoring it would give texts that do not match the
/// schema. A schema that no text fulfils is an error too.
///
/// The texts are compact JSON.
///
/// - Members come in the order of the schema's text. An object with `properties` has no other members, unless
///   `additionalProperties` allows them.
/// - Without `type`, the keywords that occur decide the types.
/// - `oneOf` needs options that no value can match together: different types, or a property with different constants.
///   This property is always written.
/// - Numbers have at most 17 significant digits, or 15 if they have bounds. Integers have at most 15 digits, or as many
///   as their bounds. All values fit into IEEE doubles.
/// - Patterns are those of ``Grammar/init(regex:)``, but match if a part of the string does.
public struct JSONSchema: Sendable, Equatable {
    /// The schema of any JSON object.
    public static let anyObject = JSONSchema(.object(["type": .string("object")]))

    /// The largest number of values in a schema.
    static let valueLimit = 200_000

    let value: JSONValue
    /// The member names of each object in the order of the schema's text. The key is the object's place, such as
    /// `schema.properties.a`.
    let memberOrder: [String: [String]]

    /// Parses a schema from its text.
    ///
    /// - Parameters:
    ///   - text: the schema as JSON.
    /// - Throws: `OuroError` with code `invalidRequest` if the text is not JSON, has a key twice in one object, or is
    ///   nested deeper than 64 levels. Unsupported keywords are found only when the schema is compiled.
    public init(parsing text: String) throws(OuroError) {
        let data = Data(text.utf8)
        let value = try StrictJSON.decode(JSONValue.self, from: data, file: "schema", code: .invalidRequest)
        let order = try StrictJSON.memberOrder(data, file: "schema", code: .invalidRequest)
        self.init(
            value,
            memberOrder: order.reduce(into: [:]) { $0[$1.key.isEmpty ? "schema" : "schema." + $1.key] = $1.value })
    }

    /// Makes a schema from a JSON value. Members are in the order of their names, because the order of the text is
    /// unknown.
    ///
    /// - Parameters:
    ///   - value: the schema as a JSON value.
    public init(_ value: JSONValue) { self.init(value, memberOrder: [:]) }

    /// Makes a schema from a JSON value and the order of its members.
    ///
    /// - Parameters:
    ///   - value: the schema as a JSON value.
    ///   - memberOrder: the member names of each object in the order of the schema's text. The key is the object's place;
    ///     the place of the schema itself is `schema`.
    package init(_ value: JSONValue, memberOrder: [String: [String]]) {
        self.value = value
        self.memberOrder = memberOrder
    }

    /// The bytes that identify the schema. Strings would not do: Swift treats some strings with different bytes as
    /// equal.
    var identity: [UInt8] {
        let order = memberOrder.sorted { $0.key < $1.key }.map {
            JSONValue.array(($0.value + [$0.key]).map { .string($0) })
        }
        return Array(JSONValue.array([value] + order).compact.utf8)
    }
}

extension JSONValue {
    /// The value on one line, with members in the order of their names.
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
