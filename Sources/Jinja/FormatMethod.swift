// Python's `text.format(...)`: fields in braces, each with a conversion and a format.

extension Interpreter {
    func formatFields(of template: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let scalars = Array((template.text ?? "").unicodeScalars)
        try charge(scalars.count / 16)
        var run = FieldFormat(arguments: arguments, isMarkup: template.isMarkup)
        var result = LimitedText(limits)
        try writeFields(scalars[...], &run, depth: 2, to: &result)
        return try makeText(result.text, isMarkup: template.isMarkup)
    }

    private func writeFields(
        _ scalars: ArraySlice<Unicode.Scalar>, _ run: inout FieldFormat, depth: Int, to result: inout LimitedText
    ) throws(TemplateError) {
        guard depth > 0 else { throw TemplateError("the fields of a format nest too deeply") }
        var position = scalars.startIndex
        while position < scalars.endIndex {
            let end = scalars[position...].firstIndex { $0 == "{" || $0 == "}" } ?? scalars.endIndex
            try result.append(Text.string(of: scalars[position..<end]))
            guard end < scalars.endIndex else { return }
            if end + 1 < scalars.endIndex, scalars[end + 1] == scalars[end] {
                try result.append(String(scalars[end]))
                position = end + 2
                continue
            }
            guard scalars[end] == "{" else {
                throw TemplateError("a format has a single '}'; write '}}' for the character")
            }
            let close = try endOfField(from: end + 1, in: scalars)
            try charge(1)
            try write(field: scalars[(end + 1)..<close], &run, depth, to: &result)
            position = close + 1
        }
    }

    private func endOfField(from start: Int, in scalars: ArraySlice<Unicode.Scalar>) throws(TemplateError) -> Int {
        var depth = 0
        for index in start..<scalars.endIndex {
            if scalars[index] == "{" { depth += 1 }
            if scalars[index] == "}" {
                if depth == 0 { return index }
                depth -= 1
            }
        }
        throw TemplateError("a field of a format has no end '}'; write '{{' for the character")
    }

    private func write(
        field: ArraySlice<Unicode.Scalar>, _ run: inout FieldFormat, _ depth: Int, to result: inout LimitedText
    ) throws(TemplateError) {
        // The name ends at a ':' or '!' outside of square brackets.
        var end = field.startIndex
        var isInBrackets = false
        while end < field.endIndex, isInBrackets || (field[end] != ":" && field[end] != "!") {
            guard field[end] != "{" else { throw TemplateError("the name of a format's field contains '{'") }
            if field[end] == "[" { isInBrackets = true }
            if field[end] == "]" { isInBrackets = false }
            end += 1
        }
        var value = try self.value(ofField: field[..<end], &run)
        if end < field.endIndex, field[end] == "!" {
            guard end + 1 < field.endIndex, end + 2 == field.endIndex || field[end + 2] == ":" else {
                throw TemplateError("a field of a format has no ':' after its conversion")
            }
            switch field[end + 1] {
            case "s": value = try makeText(str(value))
            case "r": value = try makeText(repr(value))
            case "a": value = try makeText(asciiText(repr(value)))
            default:
                throw TemplateError("the conversions of a format are '!s', '!r' and '!a', not '!\(field[end + 1])'")
            }
            end += 2
        }
        var specification = LimitedText(limits)
        if end < field.endIndex { try writeFields(field[(end + 1)...], &run, depth: depth - 1, to: &specification) }
        try charge(value.weight)
        let text = try format(value, specification.text, isMarkup: run.isMarkup)
        try result.append(run.isMarkup && !value.isMarkup ? Text.escaped(text, limits) : text)
    }

    /// The value that a field such as `0.name[key]` names.
    private func value(
        ofField name: ArraySlice<Unicode.Scalar>, _ run: inout FieldFormat
    ) throws(TemplateError) -> Value {
        let first = name.prefix { $0 != "." && $0 != "[" }
        var value = try run.argument(Text.string(of: first))
        var rest = name[first.endIndex...]
        while let mark = rest.first {
            rest = rest.dropFirst()
            try charge(1)
            if mark == "." {
                let part = rest.prefix { $0 != "." && $0 != "[" }
                guard !part.isEmpty else { throw TemplateError("a field of a format has an empty name") }
                value = try attribute(ExactString(Text.string(of: part)), of: value)
                rest = rest[part.endIndex...]
            } else {
                guard mark == "[", let close = rest.firstIndex(of: "]"), close > rest.startIndex else {
                    throw TemplateError("a field of a format has an index without end, or without anything in it")
                }
                let key = Text.string(of: rest[..<close])
                value = try item(FieldFormat.number(key).map { .int($0) } ?? .string(key), of: value)
                rest = rest[(close + 1)...]
                guard rest.isEmpty || rest.first == "." || rest.first == "[" else {
                    throw TemplateError("a field of a format has something else than '.' or '[' after an index")
                }
            }
        }
        return value
    }

    // MARK: - Formats of values

    private func format(_ value: Value, _ specification: String, isMarkup: Bool) throws(TemplateError) -> String {
        guard !specification.isEmpty else { return try str(value) }
        if value.isMarkup, isMarkup { throw TemplateError("a text that is safe in HTML takes no format") }
        let format = try FieldSpecification(specification)
        guard format.width <= limits.textBytes else { throw limits.tooLong }
        if let text = value.text { return try self.format(text, format, specification) }
        switch value.number {
        case .int(let number)? where !"eEfFgG%".unicodeScalars.contains(format.type ?? "d"):
            return try self.format(number, format, specification)
        case let number?: return try self.format(number.double, format, specification)
        case nil: throw unsuitable(specification, value.typeName)
        }
    }

    private func unsuitable(_ specification: String, _ type: String) -> TemplateError {
        TemplateError("the format '\(specification.prefix(80))' does not work for a value of type '\(type)'")
    }

    private func format(
        _ text: String, _ format: FieldSpecification, _ specification: String
    ) throws(TemplateError) -> String {
        guard format.type == nil || format.type == "s", format.sign == nil, !format.isAlternate, format.grouping == nil,
            format.alignment != "="
        else { throw unsuitable(specification, "str") }
        let kept = format.precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
        return try pad(kept, format, fallback: .left)
    }

    private func format(
        _ number: Int, _ format: FieldSpecification, _ specification: String
    ) throws(TemplateError) -> String {
        guard format.precision == nil else { throw unsuitable(specification, "int") }
        var (digits, prefix, size) = (String(number.magnitude), "", 3)
        switch format.type {
        case nil, "d", "n": break
        case "b": (digits, prefix, size) = (String(number.magnitude, radix: 2), "0b", 4)
        case "o": (digits, prefix, size) = (String(number.magnitude, radix: 8), "0o", 4)
        case "x": (digits, prefix, size) = (String(number.magnitude, radix: 16), "0x", 4)
        case "X": (digits, prefix, size) = (String(number.magnitude, radix: 16, uppercase: true), "0X", 4)
        case "c":
            guard let scalar = UInt32(exactly: number).flatMap(Unicode.Scalar.init), format.sign == nil,
                format.grouping == nil
            else { throw unsuitable(specification, "int") }
            return try pad(String(scalar), format, fallback: .left)
        default: throw unsuitable(specification, "int")
        }
        guard format.grouping != "," || size == 3, format.grouping == nil || format.type != "n" else {
            throw unsuitable(specification, "int")
        }
        let start = format.signText(isNegative: number < 0) + (format.isAlternate ? prefix : "")
        return try pad(number: digits, after: start, format, groupSize: size)
    }

    private func format(
        _ number: Double, _ format: FieldSpecification, _ specification: String
    ) throws(TemplateError) -> String {
        let magnitude = number.magnitude
        var text: String
        switch format.type {
        case nil:
            if let precision = format.precision {
                text = try shortText(magnitude, precision: max(1, precision), format.isAlternate)
            } else {
                text = pythonText(of: magnitude)
            }
        case "e", "E", "f", "F", "g", "G":
            text = try floatText(
                magnitude, format.type.map { String($0) } ?? "f", format.precision ?? 6, format.isAlternate)
        case "n": text = try floatText(magnitude, "g", format.precision ?? 6, format.isAlternate)
        case "%": text = try floatText(magnitude * 100, "f", format.precision ?? 6, format.isAlternate) + "%"
        default: throw unsuitable(specification, "float")
        }
        guard format.grouping == nil || format.type != "n" else { throw unsuitable(specification, "float") }
        let start = format.signText(isNegative: number.sign == .minus && !number.isNaN)
        return try pad(number: text, after: start, format, groupSize: 3)
    }

    /// A float with this many digits and at least one decimal place, in scientific notation if it is large or small.
    private func shortText(_ number: Double, precision: Int, _ isAlternate: Bool) throws(TemplateError) -> String {
        guard number.isFinite else { return try floatText(number, "g", precision, false) }
        let exponent = try number == 0 ? 0 : exponentAfterRounding(number, precision)
        if exponent >= -4, exponent < precision - 1 || (precision == 1 && exponent < 0) {
            let text = try floatText(number, "g", precision, isAlternate)
            return text.utf8.contains(UInt8(ascii: ".")) ? text : text + ".0"
        }
        if exponent >= -4, exponent < 0 { return try floatText(number, "g", precision, isAlternate) }
        let text = try floatText(number, "e", precision - 1, isAlternate)
        guard !isAlternate else { return text }
        let parts = text.split(separator: "e")
        guard parts.count == 2, parts[0].utf8.contains(UInt8(ascii: ".")) else { return text }
        var mantissa = Array(parts[0].utf8)
        while mantissa.last == UInt8(ascii: "0") { mantissa.removeLast() }
        if mantissa.last == UInt8(ascii: ".") { mantissa.removeLast() }
        return String(decoding: mantissa, as: UTF8.self) + "e" + parts[1]
    }

    private func exponentAfterRounding(_ number: Double, _ precision: Int) throws(TemplateError) -> Int {
        guard precision <= Limits.floatPrecision else {
            throw TemplateError("a number has more than \(Limits.floatPrecision) decimal places")
        }
        try charge(1 + precision / 16)
        return FloatText.exponent(of: number, precision: precision - 1)
    }

    private func pad(_ text: String, _ format: FieldSpecification, fallback: Alignment) throws(TemplateError) -> String
    {
        let count = text.unicodeScalars.count
        switch format.alignment {
        case "<": return try pad(text, to: format.width, with: format.fill, .left)
        case ">": return try pad(text, to: format.width, with: format.fill, .right)
        case "^":
            // Here the odd one always goes to the right.
            let left = try pad(text, to: count + max(0, format.width - count) / 2, with: format.fill, .right)
            return try pad(left, to: format.width, with: format.fill, .left)
        default: return try pad(text, to: format.width, with: format.fill, fallback)
        }
    }

    private func pad(
        number text: String, after start: String, _ format: FieldSpecification, groupSize: Int
    ) throws(TemplateError) -> String {
        let isAligned = format.alignment == "=" || (format.alignment == nil && format.isZeroFilled)
        guard let separator = format.grouping else {
            guard isAligned else { return try pad(start + text, format, fallback: .right) }
            return start + (try pad(text, to: format.width - start.utf8.count, with: format.fill, .right))
        }
        let whole = text.utf8.prefix {
            (0x30...0x39).contains($0) || (0x61...0x66).contains($0 | 0x20) && groupSize == 4
        }
        let rest = String(text.utf8.dropFirst(whole.count)) ?? ""
        var digits = String(whole) ?? ""
        // Zeros before the number are grouped too.
        if isAligned, format.isZeroFilled {
            let room = format.width - start.utf8.count - rest.utf8.count
            var count = digits.utf8.count
            try charge(max(0, room) / 16)
            while count + (count - 1) / groupSize < room { count += 1 }
            digits = try pad(digits, to: count, with: "0", .right)
        }
        var grouped = ""
        for (index, digit) in digits.unicodeScalars.enumerated() {
            if index > 0, (digits.utf8.count - index) % groupSize == 0 { grouped.unicodeScalars.append(separator) }
            grouped.unicodeScalars.append(digit)
        }
        guard isAligned else { return try pad(start + grouped + rest, format, fallback: .right) }
        return start + (try pad(grouped + rest, to: format.width - start.utf8.count, with: format.fill, .right))
    }
}

/// The arguments of a format, and how many of them were used without a number.
struct FieldFormat {
    let arguments: Arguments
    let isMarkup: Bool
    private var count = 0
    private var isNumbered: Bool?

    init(arguments: Arguments, isMarkup: Bool) {
        self.arguments = arguments
        self.isMarkup = isMarkup
    }

    static func number(_ text: String) -> Int? {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }

    mutating func argument(_ name: String) throws(TemplateError) -> Value {
        guard name.isEmpty || Self.number(name) != nil else {
            guard let argument = arguments.named.first(where: { $0.name == ExactString(name) }) else {
                throw TemplateError("a format has no argument '\(name.prefix(80))'")
            }
            return argument.value
        }
        guard isNumbered != name.isEmpty else {
            throw TemplateError("a format has fields with numbers and fields without")
        }
        isNumbered = !name.isEmpty
        let index = Self.number(name) ?? count
        if name.isEmpty { count += 1 }
        guard arguments.positional.indices.contains(index) else {
            throw TemplateError("a format needs more than \(arguments.positional.count) arguments")
        }
        return arguments.positional[index]
    }
}

/// What stands after the ':' of a field: fill, alignment, sign, width, grouping, precision and type.
struct FieldSpecification {
    private(set) var fill = " "
    private(set) var alignment: Unicode.Scalar?
    private(set) var sign: Unicode.Scalar?
    private(set) var isAlternate = false
    private(set) var width = 0
    private(set) var grouping: Unicode.Scalar?
    private(set) var precision: Int?
    private(set) var type: Unicode.Scalar?

    init(_ text: String) throws(TemplateError) {
        var rest = Array(text.unicodeScalars)[...]
        var hasFill = false
        func isOne(_ scalar: Unicode.Scalar?, of set: String) -> Bool {
            scalar.map { set.unicodeScalars.contains($0) } ?? false
        }
        func take(_ set: String) -> Unicode.Scalar? {
            isOne(rest.first, of: set) ? rest.removeFirst() : nil
        }
        func takeNumber() throws(TemplateError) -> Int? {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest[digits.endIndex...]
            guard let number = Int(Text.string(of: digits)) else {
                throw TemplateError("a format's width is out of range")
            }
            return number
        }
        if rest.count > 1, isOne(rest[rest.startIndex + 1], of: "<>=^") {
            fill = String(rest.removeFirst())
            hasFill = true
            alignment = rest.removeFirst()
        } else {
            alignment = take("<>=^")
        }
        sign = take("+- ")
        isAlternate = take("#") != nil
        if rest.first == "0", !hasFill { fill = "0" }
        width = try takeNumber() ?? 0
        grouping = take(",_")
        if take(".") != nil {
            guard let digits = try takeNumber() else { throw TemplateError("a format has no precision after '.'") }
            precision = digits
        }
        type = rest.popFirst()
        guard rest.isEmpty else { throw TemplateError("the format '\(text.prefix(80))' is not one of Python's") }
    }

    var isZeroFilled: Bool { fill.unicodeScalars.first == "0" }

    func signText(isNegative: Bool) -> String { isNegative ? "-" : sign == "+" ? "+" : sign == " " ? " " : "" }
}
