/// JSON output for programs and files. Objects keep the order in which their keys were given.
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
    /// A value that was read before.
    case value(JSONValue)

    /// An array of f32 values.
    package static func floats(_ values: [Float]) -> JSONOutput { .array(values.map { .float($0) }) }
    /// An array of integers.
    package static func ints(_ values: [Int]) -> JSONOutput { .array(values.map { .int($0) }) }
    /// An array of strings.
    package static func strings(_ values: [String]) -> JSONOutput { .array(values.map { .string($0) }) }

    /// The value on one line. Numbers that are not finite become `null`.
    package var text: String {
        var text = ""
        write(to: &text)
        return text
    }

    /// The value for files that people read. Each member of the outermost object is on a line of its own; the rest is
    /// as in `text`.
    package var lines: String {
        var text = ""
        let count: Int
        switch self {
        case .object(let members): count = Self.lines(members.lazy.map { ($0.key, $0.value) }, to: &text)
        case .members(let members): count = Self.lines(members, to: &text)
        case .value(.object(let members)):
            count = Self.lines(members.lazy.map { ($0.key, .value($0.value)) }, to: &text)
        default: return self.text
        }
        return count == 0 ? "{}" : "{\n" + text + "\n}"
    }

    private static func lines(_ members: some Sequence<(String, JSONOutput)>, to text: inout String) -> Int {
        var count = 0
        for (key, value) in members {
            text += count == 0 ? "  " : ",\n  "
            JSONText.append(key, to: &text)
            text += ": "
            value.write(to: &text)
            count += 1
        }
        return count
    }

    private func write(to text: inout String) {
        switch self {
        case .int(let value): text += String(value)
        case .float(let value): text += value.isFinite ? "\(value)" : "null"
        case .double(let value): text += value.isFinite ? "\(value)" : "null"
        case .string(let value): JSONText.append(value, to: &text)
        case .bool(let value): text += value ? "true" : "false"
        case .null: text += "null"
        case .array(let values): Self.write(values, to: &text)
        case .object(let members): Self.write(members.lazy.map { ($0.key, $0.value) }, to: &text)
        case .members(let members): Self.write(members, to: &text)
        case .value(let value): Self.write(value, to: &text)
        }
    }

    private static func write(_ value: JSONValue, to text: inout String) {
        switch value {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .bigInteger(let digits): text += digits
        case .double(let value): text += value.isFinite ? "\(value)" : "null"
        case .string(let value): JSONText.append(value, to: &text)
        case .array(let values): write(values.lazy.map { .value($0) }, to: &text)
        case .object(let members): write(members.lazy.map { ($0.key, .value($0.value)) }, to: &text)
        }
    }

    private static func write(_ values: some Sequence<JSONOutput>, to text: inout String) {
        text += "["
        var isFirst = true
        for value in values {
            if !isFirst { text += "," }
            isFirst = false
            value.write(to: &text)
        }
        text += "]"
    }

    private static func write(_ members: some Sequence<(String, JSONOutput)>, to text: inout String) {
        text += "{"
        var isFirst = true
        for (key, value) in members {
            if !isFirst { text += "," }
            isFirst = false
            JSONText.append(key, to: &text)
            text += ":"
            value.write(to: &text)
        }
        text += "}"
    }
}
