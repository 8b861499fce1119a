/// Python's `json.dumps` with the settings templates can choose.
struct TemplateJSONWriter {
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
    var escapesNonASCII = false

    func text(of value: TemplateValue) throws(TemplateFailure) -> String {
        var result = ""
        try write(value, level: 0, to: &result)
        return result
    }

    private func write(_ value: TemplateValue, level: Int, to result: inout String) throws(TemplateFailure) {
        switch value {
        case .none: result += "null"
        case .bool(let flag): result += flag ? "true" : "false"
        case .int(let number): result += String(number)
        case .float(let number): result += jsonText(of: number)
        case .string(let text): writeQuoted(text, to: &result)
        case .list(let items), .tuple(let items):
            result += "["
            for (position, item) in items.elements.enumerated() {
                beginItem(position, level: level + 1, in: &result)
                try write(item, level: level + 1, to: &result)
            }
            if !items.elements.isEmpty { newLine(level: level, in: &result) }
            result += "]"
        case .dict(let members):
            try write(members, level: level, to: &result)
        default:
            throw TemplateFailure("a value of type '\(value.typeName)' cannot be written as JSON")
        }
        guard result.utf8.count <= TemplateLimits.bytes else { throw TemplateLimits.tooLong }
    }

    private func write(
        _ members: TemplateDictionary, level: Int, to result: inout String
    ) throws(TemplateFailure) {
        var entries = members.entries
        if sortsKeys {
            entries = try stableSort(entries) { (left, right) throws(TemplateFailure) in
                try left.key.order(right.key) == .less
            }
        }
        result += "{"
        for (position, entry) in entries.enumerated() {
            beginItem(position, level: level + 1, in: &result)
            writeQuoted(try name(of: entry.key), to: &result)
            result += keySeparator
            try write(entry.value, level: level + 1, to: &result)
        }
        if !entries.isEmpty { newLine(level: level, in: &result) }
        result += "}"
    }

    private func name(of key: TemplateValue) throws(TemplateFailure) -> String {
        switch key {
        case .string(let text): return text
        case .none: return "null"
        case .bool(let flag): return flag ? "true" : "false"
        case .int(let number): return String(number)
        case .float(let number): return jsonText(of: number)
        default: throw TemplateFailure("a key of type '\(key.typeName)' cannot be written as JSON")
        }
    }

    private func beginItem(_ position: Int, level: Int, in result: inout String) {
        if position > 0 { result += itemSeparator }
        newLine(level: level, in: &result)
    }

    private func newLine(level: Int, in result: inout String) {
        guard let indent else { return }
        result += "\n"
        for _ in 0..<level { result += indent }
    }

    private func jsonText(of number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
        return pythonText(of: number)
    }

    private func writeQuoted(_ text: String, to result: inout String) {
        result += "\""
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
    }
}
