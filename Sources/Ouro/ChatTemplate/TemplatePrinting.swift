// How values become text: Python's str() and repr(), and JSON.

extension TemplateValue {
    /// Python's `str(value)`: what `{{ value }}` writes.
    func text() throws(TemplateFailure) -> String {
        switch self {
        case .undefined: return ""
        case .string(let text): return text
        default:
            var result = ""
            try writeRepresentation(to: &result)
            return result
        }
    }

    /// Python's `repr(value)`.
    func writeRepresentation(to result: inout String) throws(TemplateFailure) {
        switch self {
        case .undefined: result += "Undefined"
        case .none: result += "None"
        case .bool(let flag): result += flag ? "True" : "False"
        case .int(let number): result += String(number)
        case .float(let number): result += pythonText(of: number)
        case .string(let text): writeQuoted(text, to: &result)
        case .list(let items):
            result += "["
            try Self.writeRepresentations(of: items, to: &result)
            result += "]"
        case .tuple(let items):
            result += "("
            try Self.writeRepresentations(of: items, to: &result)
            result += items.elements.count == 1 ? ",)" : ")"
        case .dict(let members):
            result += "{"
            for (position, entry) in members.entries.enumerated() {
                if position > 0 { result += ", " }
                try entry.key.writeRepresentation(to: &result)
                result += ": "
                try entry.value.writeRepresentation(to: &result)
            }
            result += "}"
        case .namespace, .macro, .loop, .function, .method:
            throw TemplateFailure("a value of type '\(typeName)' has no text to print")
        }
        guard result.utf8.count <= TemplateLimits.bytes else { throw TemplateLimits.tooLong }
    }

    private static func writeRepresentations(
        of items: TemplateSequence, to result: inout String
    ) throws(TemplateFailure) {
        for (position, item) in items.elements.enumerated() {
            if position > 0 { result += ", " }
            try item.writeRepresentation(to: &result)
        }
    }
}

/// Python's shortest text of a float: scientific notation below 1e-4 and from 1e16.
func pythonText(of number: Double) -> String {
    if number.isNaN { return "nan" }
    if number.isInfinite { return number < 0 ? "-inf" : "inf" }
    // The standard library's text has the shortest digits; only where the notation changes differs.
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

/// A string in Python's quotes, with everything unprintable escaped.
private func writeQuoted(_ text: String, to result: inout String) {
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
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
        .spaceSeparator:
        false
    default: true
    }
}

func hexadecimal(_ value: UInt32, width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
