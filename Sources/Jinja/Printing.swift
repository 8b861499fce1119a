// How values become text: Python's str() and repr().

extension Interpreter {
    /// Python's `str(value)`: what `{{ value }}` writes.
    func str(_ value: Value) throws(TemplateError) -> String {
        switch value {
        case .undefined: return ""
        case .string(let text), .markup(let text): return text
        default:
            var result = LimitedText(limits)
            try writeRepresentation(of: value, to: &result)
            return result.text
        }
    }

    /// Python's `repr(value)`.
    func writeRepresentation(of value: Value, to result: inout LimitedText) throws(TemplateError) {
        switch value {
        case .undefined: try result.append("Undefined")
        case .none: try result.append("None")
        case .bool(let flag): try result.append(flag ? "True" : "False")
        case .int(let number): try result.append(String(number))
        case .float(let number): try result.append(pythonText(of: number))
        case .string(let text): try result.append(quoted(text))
        case .markup(let text): try result.append("Markup(" + quoted(text) + ")")
        case .list(let items):
            try result.append("[")
            try writeRepresentations(of: items, to: &result)
            try result.append("]")
        case .tuple(let items):
            try result.append("(")
            try writeRepresentations(of: items, to: &result)
            try result.append(items.elements.count == 1 ? ",)" : ")")
        case .dict(let members):
            try result.append("{")
            for (position, entry) in members.entries.enumerated() {
                if position > 0 { try result.append(", ") }
                try writeRepresentation(of: entry.key, to: &result)
                try result.append(": ")
                try writeRepresentation(of: entry.value, to: &result)
            }
            try result.append("}")
        case .macro(let number):
            let name = macros.indices.contains(number) ? macros[number].macro.name : nil
            try result.append("<Macro " + (name.map { quoted($0.text) } ?? "anonymous") + ">")
        case .loop(let number):
            let state = try state(ofLoop: number)
            try result.append("<LoopContext \(state.index + 1)/\(length(of: state))>")
        case .namespace, .cycler, .joiner, .template, .function, .method:
            throw TemplateError("a value of type '\(value.typeName)' has no text to print")
        }
    }

    /// Python's `repr(value)`.
    func repr(_ value: Value) throws(TemplateError) -> String {
        var result = LimitedText(limits)
        try writeRepresentation(of: value, to: &result)
        return result.text
    }

    private func writeRepresentations(
        of items: Elements, to result: inout LimitedText
    ) throws(TemplateError) {
        for (position, item) in items.elements.enumerated() {
            if position > 0 { try result.append(", ") }
            try writeRepresentation(of: item, to: &result)
        }
    }
}

/// The shortest text that reads back as the same float, in Python's form: scientific below 1e-4 and from 1e16.
func pythonText(of number: Double) -> String {
    if number.isNaN { return "nan" }
    if number.isInfinite { return number < 0 ? "-inf" : "inf" }
    // The standard library finds the same digits, but changes to scientific notation elsewhere.
    let text = number.magnitude.description
    let parts = text.split(separator: "e", maxSplits: 1)
    let mantissa = parts.first.map(String.init) ?? text
    var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let halves = mantissa.split(separator: ".", maxSplits: 1)
    var digits = halves.joined()
    exponent += (halves.first?.count ?? 1) - 1
    let leading = digits.prefix { $0 == "0" }.count
    if leading < digits.count {
        digits.removeFirst(leading)
        exponent -= leading
    }
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    let sign = number.sign == .minus ? "-" : ""
    if number == 0 { return sign + "0.0" }
    if exponent < -4 || exponent >= 16 {
        let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
        let power = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
        return sign + digits.prefix(1) + fraction + (exponent < 0 ? "e-" : "e+") + power
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 {
        return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
}

/// A string in Python's quotes, with what cannot be printed escaped.
private func quoted(_ text: String) -> String {
    var result = ""
    let scalars = text.unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    result.unicodeScalars.append(quote)
    for scalar in scalars {
        switch scalar {
        case quote, "\\":
            result += "\\"
            result.unicodeScalars.append(scalar)
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case " ": result += " "
        default:
            if isPrintable(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                let value = scalar.value
                result += value < 0x100 ? "\\x" : value < 0x10000 ? "\\u" : "\\U"
                result += hexadecimal(value, width: value < 0x100 ? 2 : value < 0x10000 ? 4 : 8)
            }
        }
    }
    result.unicodeScalars.append(quote)
    return result
}

/// Whether Python's `str.isprintable` is true, except for the space.
func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
        .spaceSeparator:
        false
    default: true
    }
}

/// A number in hexadecimal digits, with zeros before it up to the width.
func hexadecimal(_ value: UInt32, width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
