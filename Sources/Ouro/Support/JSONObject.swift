import Foundation

/// The members of a JSON object.
package typealias JSONObject = [String: JSONValue]

extension JSONValue {
    /// Parses a text.
    ///
    /// - Throws: ``OuroError`` with code `invalidData` if the text is not JSON.
    package init(parsing text: String) throws(OuroError) {
        self = try StrictJSON.decode(JSONValue.self, from: Data(text.utf8), file: "text", code: .invalidData)
    }

    /// The value as JSON on one line, with members in the order of their names.
    package var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): "\(value)"
        case .double(let value): JSONOutput.double(value).text
        case .string(let value): JSONText.quote(value)
        case .array(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { "\(JSONText.quote($0.key)): \($0.value.text)" }
                .joined(separator: ", ") + "}"
        }
    }
}
