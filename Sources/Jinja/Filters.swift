/// The filters, by the kind of value that they take.
enum Filters {
    static let names: Set<ExactString> = text.union(sequences).union(values)

    static let text: Set<ExactString> = [
        "trim", "upper", "lower", "capitalize", "title", "replace", "indent", "string", "safe", "escape", "e",
        "forceescape", "format", "center", "wordwrap", "wordcount", "truncate", "striptags", "urlize",
    ]
    static let sequences: Set<ExactString> = [
        "length", "count", "join", "first", "last", "list", "items", "dictsort", "map", "select", "reject",
        "selectattr", "rejectattr", "reverse", "sort", "unique", "sum", "min", "max", "batch", "slice", "groupby",
        "random",
    ]
    static let values: Set<ExactString> = [
        "default", "d", "tojson", "int", "float", "abs", "round", "attr", "filesizeformat", "urlencode", "xmlattr",
    ]

    /// Why a filter cannot be used; nil if it can.
    static func failure(of name: ExactString) -> TemplateError? {
        if names.contains(name) { return nil }
        if name == "pprint" {
            return TemplateError("the filter 'pprint' is not supported: it needs Python's pretty printer; use 'tojson'")
        }
        return TemplateError("there is no filter '\(name.text.prefix(80))'")
    }
}

extension Interpreter {
    func apply(
        _ name: ExactString, to value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        try enter(line: nil)
        defer { leave() }
        try charge(value.weight)
        if Filters.values.contains(name) { return try applyToAny(name, value, arguments) }
        if Filters.text.contains(name) { return try applyToText(name, value, arguments) }
        if Filters.sequences.contains(name) { return try applyToSequence(name, value, arguments) }
        throw Filters.failure(of: name) ?? TemplateError("there is no filter '\(name)'")
    }

    private func applyToAny(
        _ name: ExactString, _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "default", "d":
            let bound = try arguments.bind("default_value", "boolean", for: name)
            let isMissing = value.isUndefined || (bound.flag("boolean") && !value.isTrue)
            return isMissing ? bound["default_value"] ?? .string("") : value
        case "tojson": return try writeJSON(value, arguments)
        case "attr":
            let bound = try arguments.bind("name", required: 1, for: name)
            let attribute = ExactString(try str(bound["name"] ?? .none))
            return try ownAttribute(attribute, of: value) ?? missing(attribute.text, in: value)
        case "urlencode":
            _ = try arguments.bind(for: name)
            return try encodeForURL(value)
        case "xmlattr": return try writeAttributes(value, arguments)
        default: return try applyToNumber(name, value, arguments)
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
        if let text = bound["indent"]?.text {
            writer.indent = text
        } else if let width = try bound.integer("indent") {
            writer.indent = try spaces(width)
        }
        if writer.indent != nil { writer.itemSeparator = "," }
        switch bound["separators"] {
        case nil, .some(.none): break
        case .list(let items)?, .tuple(let items)?:
            guard items.elements.count == 2, let item = items.elements[0].text, let key = items.elements[1].text
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
}
