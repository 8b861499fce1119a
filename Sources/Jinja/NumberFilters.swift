// Filters that make or change numbers.

extension Interpreter {
    func applyToNumber(
        _ name: ExactString, _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "int":
            let bound = try arguments.bind("default", "base", for: name)
            if case .undefined(let what) = value { throw TemplateError(what) }
            let base = try bound.integer("base") ?? 10
            guard base == 0 || (2...36).contains(base) else {
                throw TemplateError("'int' needs a base of 0 or from 2 to 36, found \(base)")
            }
            return try integer(of: value, base: base).map { .int($0) } ?? bound["default"] ?? .int(0)
        case "float":
            let bound = try arguments.bind("default", for: name)
            if case .undefined(let what) = value { throw TemplateError(what) }
            if let number = value.number { return .float(number.double) }
            if let text = value.text, let number = Text.float(text) { return .float(number) }
            return bound["default"] ?? .float(0)
        case "abs":
            _ = try arguments.bind(for: name)
            switch value.number {
            case .int(let number)? where number < 0: return try negate(value)
            case .int(let number)?: return .int(number)
            case .float(let number)?: return .float(number.magnitude)
            case nil: throw notANumber(value, for: name)
            }
        case "filesizeformat":
            let bound = try arguments.bind("binary", for: name)
            return try makeText(sizeText(of: value, isBinary: bound.flag("binary")))
        default: return try round(value, arguments)
        }
    }

    private func notANumber(_ value: Value, for name: ExactString) -> TemplateError {
        if case .undefined(let what) = value { return TemplateError(what) }
        return TemplateError("'\(name)' needs a number, found a value of type '\(value.typeName)'")
    }

    /// Python's `int(value)`; nil if the value is no number. A number that does not fit is an error.
    private func integer(of value: Value, base: Int) throws(TemplateError) -> Int? {
        switch value.plain {
        case .int(let number): return number
        case .bool(let flag): return flag ? 1 : 0
        case .float(let number):
            if number.isNaN { return nil }
            guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw overflowFailure }
            return whole
        case .string(let text):
            switch Text.integer(text, base: base) {
            case .value(let number): return number
            case .outOfRange: throw overflowFailure
            case .invalid: break
            }
            guard let number = Text.float(text), number.isFinite else { return nil }
            guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw overflowFailure }
            return whole
        default: return nil
        }
    }

    private func sizeText(of value: Value, isBinary: Bool) throws(TemplateError) -> String {
        guard let size = value.number?.double ?? value.text.flatMap(Text.float) else {
            throw notANumber(value, for: "filesizeformat")
        }
        let base = isBinary ? 1024.0 : 1000.0
        if size == 1 { return "1 Byte" }
        if size < base {
            guard let whole = Int(exactly: size.rounded(.towardZero)) else { throw overflowFailure }
            return "\(whole) Bytes"
        }
        let units = isBinary ? "KMGTPEZY".map { "\($0)iB" } : "kMGTPEZY".map { "\($0)B" }
        var (unit, name) = (base, "")
        for next in units {
            unit *= base
            name = next
            if size < unit { break }
        }
        return FloatText.fixed(base * size / unit, precision: 1) + " " + name
    }

    /// The filter `round`: Python's `round`, or `floor` and `ceil` at a decimal place.
    private func round(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let bound = try arguments.bind("precision", "method", for: "round")
        let precision = try bound.integer("precision") ?? 0
        guard (-300...300).contains(precision) else {
            throw TemplateError("'round' needs a precision from -300 to 300, found \(precision)")
        }
        guard let number = value.number else { throw notANumber(value, for: "round") }
        let method = ExactString(try bound.string("method") ?? "common")
        switch (method, number) {
        case ("common", .int(let whole)):
            guard precision < 0 else { return .int(whole) }
            return .int(try rounded(whole, places: -precision))
        case ("common", .float(let fraction)):
            guard fraction.isFinite, fraction != 0 else { return .float(fraction) }
            return .float(FloatText.rounded(fraction, precision: precision))
        case ("floor", _), ("ceil", _):
            let scale = CLibrary.power(10, Double(precision))
            let scaled = number.double * scale
            guard scaled.isFinite else { throw overflowFailure }
            // Python makes an integer first, which has no negative zero.
            return .float(((method == "floor" ? scaled.rounded(.down) : scaled.rounded(.up)) + 0) / scale)
        default: throw TemplateError("'round' knows the methods 'common', 'floor' and 'ceil', not '\(method)'")
        }
    }

    /// An integer rounded to a power of ten. Halves go to the even neighbour.
    private func rounded(_ number: Int, places: Int) throws(TemplateError) -> Int {
        guard places < 19 else {
            guard places > 19 || number.magnitude <= 5_000_000_000_000_000_000 else { throw overflowFailure }
            return 0
        }
        var unit = 1
        for _ in 0..<places { unit *= 10 }
        let remainder = number % unit
        var quotient = number / unit
        let twice = remainder.magnitude * 2
        if twice > unit.magnitude || (twice == unit.magnitude && quotient % 2 != 0) {
            quotient += remainder < 0 ? -1 : 1
        }
        let (result, overflow) = quotient.multipliedReportingOverflow(by: unit)
        guard !overflow else { throw overflowFailure }
        return result
    }
}

/// Floats in decimal digits, rounded from their exact binary values as in Python.
enum FloatText {
    /// Formats with one of C's conversions `f`, `e` and `g`.
    static func text(_ number: Double, _ conversion: String, precision: Int, isAlternate: Bool = false) -> String {
        CLibrary.format(number, (isAlternate ? "%#.*" : "%.*") + conversion, precision: precision)
    }

    static func fixed(_ number: Double, precision: Int) -> String { text(number, "f", precision: precision) }

    /// The exponent of a number in scientific notation with this many decimal places.
    static func exponent(of number: Double, precision: Int) -> Int {
        let parts = text(number, "e", precision: precision).split(separator: "e")
        return parts.last.flatMap { Int($0) } ?? 0
    }

    /// Rounds to decimal places, or for a negative precision to a power of ten. The number is finite and not zero.
    static func rounded(_ number: Double, precision: Int) -> Double {
        if precision >= 0 { return Double(fixed(number, precision: precision)) ?? number }
        // The exponent of the exact value, because rounding to 17 places cannot carry into the next power of ten.
        let digits = exponent(of: number.rounded(.towardZero), precision: 330) + precision
        if digits >= 0 { return Double(text(number, "e", precision: digits)) ?? number }
        let unit = Double("1e\(-precision)") ?? .infinity
        let isUp = digits == -1 && number.magnitude > unit / 2
        return isUp ? (number < 0 ? -unit : unit) : (number < 0 ? -0.0 : 0)
    }
}
