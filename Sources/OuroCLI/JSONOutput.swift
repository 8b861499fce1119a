import Foundation

/// Machine-readable output: JSON whose objects keep the order their keys were given in.
indirect enum JSONOutput {
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
        case .int(let value): "\(value)"
        case .float(let value): value.isFinite ? "\(value)" : "null"
        case .double(let value): value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.quote(value)
        case .null: "null"
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\(Self.quote($0.key)):\($0.value.text)" }.joined(separator: ",") + "}"
        }
    }

    private static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
