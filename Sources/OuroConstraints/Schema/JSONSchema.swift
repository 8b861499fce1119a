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

    /// Parses a schema from its text.
    ///
    /// - Parameters:
    ///   - text: the schema as JSON.
    /// - Throws: `OuroError` with code `invalidRequest` if the text is not JSON, has a key twice in one object, or is
    ///   nested deeper than 64 levels. Unsupported keywords are found only when the schema is compiled.
    public init(parsing text: String) throws(OuroError) {
        self.init(try JSONValue(parsing: Data(text.utf8), file: "schema", code: .invalidRequest))
    }

    /// Makes a schema from a JSON value.
    ///
    /// - Parameters:
    ///   - value: the schema as a JSON value.
    public init(_ value: JSONValue) { self.value = value }

    /// The bytes that identify the schema, the order of its members included.
    var identity: [UInt8] { Array(value.text.utf8) }
}
