// Python's `text % values`, which the filter `format` uses too.

extension Interpreter {
    /// Fills the values into a text with conversions such as `%s` and `%5.2f`.
    ///
    /// - Parameter values: A tuple for several conversions, a dictionary for conversions with names such as `%(name)s`, or
    ///   any other value for one conversion.
    func format(_ template: Value, with values: Value) throws(TemplateError) -> Value {
        var run = PercentFormat(scalars: Array(try str(template).unicodeScalars), values: values)
        try charge(run.scalars.count / 16)
        var result = LimitedText(limits)
        while let piece = try run.next() {
            switch piece {
            case .text(let text): try result.append(text)
            case .conversion(let conversion):
                let value = try run.value(for: conversion)
                try charge(1 + value.weight)
                try result.append(text(of: value, by: conversion, escaping: template.isMarkup))
            }
        }
        try run.finish()
        return try makeText(result.text, isMarkup: template.isMarkup)
    }

    private func text(
        of value: Value, by conversion: PercentFormat.Conversion, escaping: Bool
    ) throws(TemplateError) -> String {
        let width = conversion.width ?? 0
        guard width <= limits.textBytes, (conversion.precision ?? 0) <= limits.textBytes else { throw limits.tooLong }
        switch conversion.type {
        case "s", "r", "a":
            var text = conversion.type == "s" ? try str(value) : try repr(value)
            if conversion.type == "a" { text = asciiText(text) }
            if escaping, conversion.type != "s" || !value.isMarkup { text = try Text.escaped(text, limits) }
            if let precision = conversion.precision { text = String(text.unicodeScalars.prefix(precision)) }
            return try pad(text, to: width, with: " ", conversion.isLeft ? .left : .right)
        case "c": return try pad(character(value), to: width, with: " ", conversion.isLeft ? .left : .right)
        case "d", "i", "u", "o", "x", "X":
            let number = try integer(value, for: conversion.type)
            var digits: String
            var prefix = ""
            switch conversion.type {
            case "o": (digits, prefix) = (String(number.magnitude, radix: 8), "0o")
            case "x": (digits, prefix) = (String(number.magnitude, radix: 16), "0x")
            case "X": (digits, prefix) = (String(number.magnitude, radix: 16, uppercase: true), "0X")
            default: digits = String(number.magnitude)
            }
            digits = try pad(digits, to: conversion.precision ?? 0, with: "0", .right)
            return try pad(
                digits, sign: sign(isNegative: number < 0, conversion) + (conversion.isAlternate ? prefix : ""),
                conversion)
        default:
            guard let number = value.number?.double else { throw unsuitable(value, for: conversion.type) }
            let precision = conversion.precision ?? 6
            let text = try floatText(number.magnitude, String(conversion.type), precision, conversion.isAlternate)
            return try pad(text, sign: sign(isNegative: number.sign == .minus && !number.isNaN, conversion), conversion)
        }
    }

    private func sign(isNegative: Bool, _ conversion: PercentFormat.Conversion) -> String {
        isNegative ? "-" : conversion.isSigned ? "+" : conversion.isSpaced ? " " : ""
    }

    private func pad(
        _ digits: String, sign: String, _ conversion: PercentFormat.Conversion
    ) throws(TemplateError) -> String {
        let width = conversion.width ?? 0
        if conversion.isZeroPadded, !conversion.isLeft {
            return sign + (try pad(digits, to: width - sign.utf8.count, with: "0", .right))
        }
        return try pad(sign + digits, to: width, with: " ", conversion.isLeft ? .left : .right)
    }

    /// A float that is not negative, by one of the conversions `e`, `f` and `g`, or one of their capitals.
    func floatText(
        _ number: Double, _ type: String, _ precision: Int, _ isAlternate: Bool
    ) throws(TemplateError) -> String {
        guard precision <= Limits.floatPrecision else {
            throw TemplateError("a number has more than \(Limits.floatPrecision) decimal places")
        }
        let isUpper = type.utf8.allSatisfy { $0 < 0x61 }
        var text = number.isNaN ? "nan" : "inf"
        if number.isFinite {
            try charge(1 + precision / 16)
            text = FloatText.text(number, type.lowercased(), precision: precision, isAlternate: isAlternate)
        }
        return isUpper ? text.uppercased() : text
    }

    private func integer(_ value: Value, for type: Unicode.Scalar) throws(TemplateError) -> Int {
        switch value.number {
        case .int(let number)?: return number
        case .float(let number)? where type == "d" || type == "i" || type == "u":
            guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw overflowFailure }
            return whole
        default: throw unsuitable(value, for: type)
        }
    }

    private func character(_ value: Value) throws(TemplateError) -> String {
        if case .int(let code)? = value.number {
            guard let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
                throw TemplateError("'%c' needs the code of a character, found \(code)")
            }
            return String(scalar)
        }
        guard let text = value.text, text.unicodeScalars.count == 1 else { throw unsuitable(value, for: "c") }
        return text
    }

    private func unsuitable(_ value: Value, for type: Unicode.Scalar) -> TemplateError {
        if case .undefined(let what) = value { return TemplateError(what) }
        return TemplateError("'%\(type)' does not work for a value of type '\(value.typeName)'")
    }

    /// A text with escapes for whatever is not ASCII, as Python's `ascii()` writes it.
    func asciiText(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if scalar.isASCII {
                result.unicodeScalars.append(scalar)
            } else {
                let width = scalar.value < 0x100 ? 2 : scalar.value < 0x10000 ? 4 : 8
                result += (width == 2 ? "\\x" : width == 4 ? "\\u" : "\\U") + hexadecimal(scalar.value, width: width)
            }
        }
        return result
    }
}

/// Reads a text with conversions, and hands out the values for them.
struct PercentFormat {
    struct Conversion {
        var key: String?
        var isLeft = false
        var isSigned = false
        var isSpaced = false
        var isAlternate = false
        var isZeroPadded = false
        var width: Int?
        var precision: Int?
        var type: Unicode.Scalar = "s"
    }

    enum Piece {
        case text(String)
        case conversion(Conversion)
    }

    let scalars: [Unicode.Scalar]
    private let values: Value
    private var position = 0
    private var usedCount = 0

    init(scalars: [Unicode.Scalar], values: Value) {
        self.scalars = scalars
        self.values = values
    }

    /// The next piece; nil at the end.
    mutating func next() throws(TemplateError) -> Piece? {
        guard position < scalars.count else { return nil }
        guard scalars[position] == "%" else {
            let end = scalars[position...].firstIndex(of: "%") ?? scalars.count
            defer { position = end }
            return .text(Text.string(of: scalars[position..<end]))
        }
        position += 1
        var conversion = Conversion()
        if peek == "(" { conversion.key = try readKey() }
        while let flag = peek, "-+ #0".unicodeScalars.contains(flag) {
            switch flag {
            case "-": conversion.isLeft = true
            case "+": conversion.isSigned = true
            case " ": conversion.isSpaced = true
            case "#": conversion.isAlternate = true
            default: conversion.isZeroPadded = true
            }
            position += 1
        }
        if let width = try readNumber() {
            conversion.width = width < 0 ? (width == .min ? .max : -width) : width
            if width < 0 { conversion.isLeft = true }
        }
        if peek == "." {
            position += 1
            conversion.precision = max(0, try readNumber() ?? 0)
        }
        if let scalar = peek, "hlL".unicodeScalars.contains(scalar) { position += 1 }
        guard let type = peek else { throw TemplateError("a conversion after '%' is not complete") }
        position += 1
        if type == "%" { return .text("%") }
        guard "diouxXeEfFgGcrsa".unicodeScalars.contains(type) else {
            throw TemplateError("'%\(type)' is no conversion; for a percent sign write '%%'")
        }
        conversion.type = type
        return .conversion(conversion)
    }

    private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    /// Reads `(name)`, which may contain pairs of brackets.
    private mutating func readKey() throws(TemplateError) -> String {
        let start = position + 1
        var depth = 0
        while let scalar = peek {
            position += 1
            if scalar == "(" { depth += 1 }
            if scalar == ")" { depth -= 1 }
            if depth == 0 { return Text.string(of: scalars[start..<(position - 1)]) }
        }
        throw TemplateError("a name after '%(' has no end ')'")
    }

    /// Reads digits, or a star, which stands for the next value. Nil if there is neither.
    private mutating func readNumber() throws(TemplateError) -> Int? {
        if peek == "*" {
            position += 1
            guard case .int(let number) = try nextValue() else { throw TemplateError("'*' after '%' needs an integer") }
            return number
        }
        var number: Int?
        while let scalar = peek, ("0"..."9").contains(scalar) {
            let (product, overflow) = (number ?? 0).multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(scalar.value) - 48)
            guard !overflow, !carry else { throw TemplateError("a width after '%' is out of range") }
            number = sum
            position += 1
        }
        return number
    }

    mutating func value(for conversion: Conversion) throws(TemplateError) -> Value {
        guard let key = conversion.key else { return try nextValue() }
        switch values {
        case .dict(let members):
            guard let value = members.value(for: ExactString(key)) else {
                throw TemplateError("the dictionary after '%' has no '\(key.prefix(80))'")
            }
            return value
        case .undefined(let what): throw TemplateError(what)
        default:
            throw TemplateError("'%(\(key.prefix(80)))' needs a dictionary, found a value of type '\(values.typeName)'")
        }
    }

    private mutating func nextValue() throws(TemplateError) -> Value {
        defer { usedCount += 1 }
        if case .tuple(let items) = values {
            guard usedCount < items.elements.count else {
                throw TemplateError("a text has more conversions than values")
            }
            return items.elements[usedCount]
        }
        guard usedCount == 0 else { throw TemplateError("a text has more conversions than values") }
        return values
    }

    /// An error if values are left. A dictionary, a list or an undefined value need not be used, as in Python.
    func finish() throws(TemplateError) {
        let isUnused: Bool
        switch values {
        case .tuple(let items): isUnused = usedCount < items.elements.count
        case .dict, .list, .undefined: isUnused = false
        default: isUnused = usedCount == 0
        }
        guard !isUnused else { throw TemplateError("a text has fewer conversions than values") }
    }
}
