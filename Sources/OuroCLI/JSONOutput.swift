import Ouro

/// Machine-readable output: JSON whose objects keep the order their keys were given in.
indirect enum JSONOutput {
    case bool(Bool)
    case int(Int)
    case float(Float)
    case double(Double)
    case string(String)
    case null
    case array([JSONOutput])
    case object(KeyValuePairs<String, JSONOutput>)

    static func floats(_ values: [Float]) -> JSONOutput { .array(values.map { .float($0) }) }
    static func ints(_ values: [Int]) -> JSONOutput { .array(values.map { .int($0) }) }

    /// The value on one line. Numbers that are not finite become null.
    var text: String {
        switch self {
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .float(let value): value.isFinite ? "\(value)" : "null"
        case .double(let value): value.isFinite ? "\(value)" : "null"
        case .string(let value): JSONText.quote(value)
        case .null: "null"
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\(JSONText.quote($0.key)):\($0.value.text)" }.joined(separator: ",") + "}"
        }
    }
}
