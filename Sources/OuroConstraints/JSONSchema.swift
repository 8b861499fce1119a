import Foundation
import Ouro

/// A JSON schema that a text must match.
///
/// The supported keywords are `type` (one or several), `properties` with `required` and `additionalProperties`, `items`
/// with `minItems` and `maxItems`, `enum`, `const`, `anyOf`, `oneOf`, `$ref` to a place in the schema, and annotations
/// such as `title`. Compiling a schema with any other keyword is an error, because ignoring it would give texts that do
/// not match the schema.
///
/// The texts are compact JSON. An object with `properties` has no other members, and its members come in the order of the
/// schema's text. An object or array without `properties` or `items` may contain anything.
public struct JSONSchema: Sendable, Equatable {
    /// The schema of any JSON object.
    public static let anyObject = JSONSchema(.object(["type": .string("object")]))

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
