/// JSON output for programs. Objects keep the order in which their keys were given.
package indirect enum JSONOutput: Sendable {
    case int(Int)
    case float(Float)
    case double(Double)
    case string(String)
    case bool(Bool)
    case null
    case array([JSONOutput])
    case object(KeyValuePairs<String, JSONOutput>)
    /// An object whose members are known only at run time.
    case members([(String, JSONOutput)])

    /// An array of f32 values.
    package static func floats(_ values: [Float]) -> JSONOutput { .array(values.map { .float($0) }) }
    /// An array of integers.
    package static func ints(_ values: [Int]) -> JSONOutput { .array(values.map { .int($0) }) }

    /// The value on one line. Numbers that are not finite become `null`.
    package var text: String {
        switch self {
        case .int(let value): "\(value)"
        case .float(let value): value.isFinite ? "\(value)" : "null"
        case .double(let value): value.isFinite ? "\(value)" : "null"
        case .string(let value): JSONText.quote(value)
        case .bool(let value): value ? "true" : "false"
        case .null: "null"
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members): Self.object(members.map { ($0.key, $0.value) })
        case .members(let members): Self.object(members)
        }
    }

    /// The value for files that people read. Each member of the outermost object is on a line of its own; the rest is
    /// as in `text`.
    package var lines: String {
        let members: [(String, JSONOutput)]
        switch self {
        case .object(let pairs): members = pairs.map { ($0.key, $0.value) }
        case .members(let pairs): members = pairs
        default: return text
        }
        guard !members.isEmpty else { return text }
        return "{\n" + members.map { "  \(JSONText.quote($0.0)): \($0.1.text)" }.joined(separator: ",\n") + "\n}"
    }

    private static func object(_ members: [(String, JSONOutput)]) -> String {
        "{" + members.map { "\(JSONText.quote($0.0)):\($0.1.text)" }.joined(separator: ",") + "}"
    }
}
