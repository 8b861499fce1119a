/// Writes values as Python's `json.dumps` does, with the settings that templates can choose.
struct JSONWriter {
    private var result: LimitedText
    /// The text that indents one level; nil for a result on one line.
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
    var escapesNonASCII = false

    init(limits: Limits) { result = LimitedText(limits) }

    /// - Throws: ``TemplateError`` for a value that JSON has no form of, and for a text that is too long.
    mutating func write(_ value: Value) throws(TemplateError) -> String {
        try write(value, level: 0)
        return result.text
    }

    private mutating func write(_ value: Value, level: Int) throws(TemplateError) {
        switch value {
        case .none: try result.append("null")
        case .bool(let flag): try result.append(flag ? "true" : "false")
        case .int(let number): try result.append(String(number))
        case .float(let number): try result.append(jsonText(of: number))
        case .string(let text), .markup(let text): try result.append(quoted(text))
        case .list(let items), .tuple(let items):
            try result.append("[")
            for (position, item) in items.elements.enumerated() {
                try beginItem(position, level: level + 1)
                try write(item, level: level + 1)
            }
            if !items.elements.isEmpty { try newLine(level: level) }
            try result.append("]")
        case .dict(let members):
            try write(members, level: level)
        default:
            throw TemplateError("a value of type '\(value.typeName)' cannot be written as JSON")
        }
    }

    private mutating func write(_ members: Mapping, level: Int) throws(TemplateError) {
        var entries = members.entries
        if sortsKeys {
            entries = try stableSort(entries) { (left, right) throws(TemplateError) in
                try left.key.order(right.key) == .less
            }
        }
        try result.append("{")
        for (position, entry) in entries.enumerated() {
            try beginItem(position, level: level + 1)
            try result.append(quoted(name(of: entry.key)))
            try result.append(keySeparator)
            try write(entry.value, level: level + 1)
        }
        if !entries.isEmpty { try newLine(level: level) }
        try result.append("}")
    }

    private func name(of key: Value) throws(TemplateError) -> String {
        switch key {
        case .string(let text), .markup(let text): return text
        case .none: return "null"
        case .bool(let flag): return flag ? "true" : "false"
        case .int(let number): return String(number)
        case .float(let number): return jsonText(of: number)
        default: throw TemplateError("a key of type '\(key.typeName)' cannot be written as JSON")
        }
    }

    private mutating func beginItem(_ position: Int, level: Int) throws(TemplateError) {
        if position > 0 { try result.append(itemSeparator) }
        try newLine(level: level)
    }

    private mutating func newLine(level: Int) throws(TemplateError) {
        guard let indent else { return }
        try result.append("\n")
        for _ in 0..<level { try result.append(indent) }
    }

    private func jsonText(of number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
        return pythonText(of: number)
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{8}": result += "\\b"
            case "\u{c}": result += "\\f"
            default:
                if scalar.value < 0x20 || (escapesNonASCII && scalar.value > 0x7e) {
                    for unit in String(scalar).utf16 { result += "\\u" + hexadecimal(UInt32(unit), width: 4) }
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        result += "\""
        return result
    }
}
