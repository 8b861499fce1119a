/// The filters, by the kind of value that they take.
enum Filters {
    static let names: Set<String> = text.union(sequences).union(values)

    static let text: Set<String> = [
        "trim", "upper", "lower", "capitalize", "title", "replace", "indent", "string", "safe",
    ]
    static let sequences: Set<String> = [
        "length", "count", "join", "first", "last", "list", "items", "dictsort", "map", "select", "reject",
        "selectattr", "rejectattr", "reverse", "sort", "unique", "sum", "min", "max",
    ]
    static let values: Set<String> = ["default", "d", "tojson", "int", "float", "abs", "round"]
}

extension Interpreter {
    func apply(
        _ name: String, to value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        try enter(line: nil)
        defer { leave() }
        try charge(value.weight)
        if Filters.values.contains(name) { return try applyToAny(name, value, arguments) }
        if Filters.text.contains(name) { return try applyToText(name, str(value), arguments) }
        if Filters.sequences.contains(name) { return try applyToSequence(name, value, arguments) }
        throw TemplateError("the filter '\(name)' is outside the supported subset")
    }

    // MARK: - Any value

    private func applyToAny(
        _ name: String, _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "default", "d":
            let bound = try arguments.bind("default_value", "boolean", for: name)
            let isMissing = value.isUndefined || (bound.flag("boolean") && !value.isTrue)
            return isMissing ? bound["default_value"] ?? .string("") : value
        case "tojson": return try writeJSON(value, arguments)
        case "int":
            let bound = try arguments.bind("default", for: name)
            if case .undefined(let what) = value { throw TemplateError(what) }
            return integer(of: value).map { .int($0) } ?? bound["default"] ?? .int(0)
        case "float":
            let bound = try arguments.bind("default", for: name)
            if case .undefined(let what) = value { throw TemplateError(what) }
            if let number = value.number { return .float(number.double) }
            if case .string(let text) = value, let number = Text.float(text) { return .float(number) }
            return bound["default"] ?? .float(0)
        case "abs":
            _ = try arguments.bind(for: name)
            switch value.number {
            case .int(let number)? where number < 0: return try negate(value)
            case .int(let number)?: return .int(number)
            case .float(let number)?: return .float(number.magnitude)
            case nil: throw TemplateError("'abs' needs a number, found a value of type '\(value.typeName)'")
            }
        default: return try round(value, arguments)
        }
    }

    private func integer(of value: Value) -> Int? {
        switch value {
        case .int(let number): return number
        case .bool(let flag): return flag ? 1 : 0
        case .float(let number): return Int(exactly: number.rounded(.towardZero))
        case .string(let text):
            return Text.integer(text)
                ?? Text.float(text).flatMap { Int(exactly: $0.rounded(.towardZero)) }
        default: return nil
        }
    }

    private func writeJSON(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        // The parameters and their order are those of Transformers' own `tojson`.
        let bound = try arguments.bind("ensure_ascii", "indent", "separators", "sort_keys", for: "tojson")
        var writer = JSONWriter(limits: limits)
        writer.escapesNonASCII = bound.flag("ensure_ascii")
        writer.sortsKeys = bound.flag("sort_keys")
        if case .string(let text)? = bound["indent"] {
            writer.indent = text
        } else if let width = try bound.integer("indent") {
            writer.indent = try spaces(width)
        }
        if writer.indent != nil { writer.itemSeparator = "," }
        switch bound["separators"] {
        case nil, .some(.none): break
        case .list(let items)?, .tuple(let items)?:
            guard items.elements.count == 2, case .string(let item)? = items.elements.first,
                case .string(let key)? = items.elements.last
            else { fallthrough }
            (writer.itemSeparator, writer.keySeparator) = (item, key)
        default: throw TemplateError("'tojson' expects two strings for 'separators'")
        }
        return try makeText(writer.write(value))
    }

    func spaces(_ width: Int) throws(TemplateError) -> String {
        guard width <= 256 else { throw TemplateError("an indentation is wider than 256") }
        return String(repeating: " ", count: max(0, width))
    }

    // MARK: - Text

    private func applyToText(
        _ name: String, _ text: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        try charge(text.utf8.count / 256)
        switch name {
        case "trim":
            let characters = try arguments.bind("chars", for: name).string("chars")
            return try makeText(Text.strip(text, characters))
        case "replace":
            let bound = try arguments.bind("old", "new", "count", required: 2, for: name)
            return try replace(
                text, str(bound["old"] ?? .none), with: str(bound["new"] ?? .none), count: bound.integer("count"))
        case "indent":
            let bound = try arguments.bind("width", "first", "blank", for: name)
            let indentation: String
            if case .string(let given)? = bound["width"] {
                indentation = given
            } else {
                indentation = try spaces(bound.integer("width") ?? 4)
            }
            let lineCount = text.unicodeScalars.count { $0.properties.isWhitespace } + 1
            let (size, overflow) = lineCount.multipliedReportingOverflow(by: indentation.utf8.count)
            guard !overflow, size <= limits.textBytes else { throw limits.tooLong }
            return try makeText(
                Text.indented(text, by: indentation, first: bound.flag("first"), blank: bound.flag("blank")))
        default:
            _ = try arguments.bind(for: name)
            switch name {
            case "upper": return try makeText(text.uppercased())
            case "lower": return try makeText(text.lowercased())
            case "capitalize": return try makeText(Text.capitalized(text))
            case "title": return try makeText(Text.titledWords(text))
            default: return try makeText(text)
            }
        }
    }

    func replace(
        _ text: String, _ old: String, with new: String, count: Int?
    ) throws(TemplateError) -> Value {
        let limit = count.map { $0 < 0 ? Int.max : $0 } ?? Int.max
        try charge(old.utf8.count / 256)
        var pieces: [String]
        if old.isEmpty {
            try charge(text.utf8.count)
            let scalars = text.unicodeScalars.map { String($0) }
            let single = scalars.prefix(max(0, limit - 1))
            let rest = scalars.dropFirst(single.count).joined()
            pieces = limit == 0 ? [text] : [""] + single
            if limit > 0 { limit > scalars.count ? pieces.append("") : pieces.append(rest) }
        } else {
            let positions = Text.positions(of: old, in: text, limit: min(limit, limits.steps))
            try charge(positions.count)
            pieces = Text.pieces(of: text, at: positions, length: old.utf8.count)
        }
        let (added, overflow) = new.utf8.count.multipliedReportingOverflow(by: pieces.count - 1)
        guard !overflow, added <= limits.textBytes else { throw limits.tooLong }
        return try makeText(pieces.joined(separator: new))
    }

    // MARK: - Rounding

    /// The filter `round`: Python's `round`, or `floor` and `ceil` at a decimal place.
    private func round(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let bound = try arguments.bind("precision", "method", for: "round")
        let precision = try bound.integer("precision") ?? 0
        guard (0...15).contains(precision) else {
            throw TemplateError("'round' supports a precision from 0 to 15, found \(precision)")
        }
        guard let number = value.number else {
            throw TemplateError("'round' needs a number, found a value of type '\(value.typeName)'")
        }
        let method = try bound.string("method") ?? "common"
        switch (method, number) {
        case ("common", .int(let whole)): return .int(whole)
        case ("common", .float(let fraction)):
            guard fraction.isFinite else { return .float(fraction) }
            return .float(Double(CLibrary.decimalText(of: fraction, places: precision)) ?? fraction)
        case ("floor", _), ("ceil", _):
            let scale = CLibrary.power(10, Double(precision))
            let scaled = number.double * scale
            return .float((method == "floor" ? scaled.rounded(.down) : scaled.rounded(.up)) / scale)
        default: throw TemplateError("'round' knows the methods 'common', 'floor' and 'ceil', not '\(method)'")
        }
    }
}
