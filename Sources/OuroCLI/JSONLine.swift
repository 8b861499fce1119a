import Foundation

/// One line of machine-readable output: an object whose keys keep the order they were added in.
struct JSONLine {
    enum Value {
        case int(Int)
        case float(Float)
        case double(Double)
        case string(String)
        case null
        case array([Value])
        case object(JSONLine)
    }

    private var members: [(key: String, value: Value)] = []

    init(_ members: KeyValuePairs<String, Value>) { self.members = members.map { ($0.key, $0.value) } }

    var text: String {
        "{" + members.map { "\(Self.quote($0.key)):\(Self.text($0.value))" }.joined(separator: ",") + "}"
    }

    private static func text(_ value: Value) -> String {
        switch value {
        case .int(let value): "\(value)"
        case .float(let value): value.isFinite ? "\(value)" : "null"
        case .double(let value): value.isFinite ? "\(value)" : "null"
        case .string(let value): quote(value)
        case .null: "null"
        case .array(let values): "[" + values.map(text).joined(separator: ",") + "]"
        case .object(let line): line.text
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

extension JSONLine.Value {
    static func floats(_ values: [Float]) -> Self { .array(values.map { .float($0) }) }
    static func ints(_ values: [Int]) -> Self { .array(values.map { .int($0) }) }
}
