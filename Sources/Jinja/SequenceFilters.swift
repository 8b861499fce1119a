// Filters of whatever can be iterated over. Where Jinja makes a lazy iterator, these make a list.

extension Interpreter {
    func applyToSequence(
        _ name: ExactString, _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "length", "count":
            _ = try arguments.bind(for: name)
            return .int(try length(of: value))
        case "join":
            let bound = try arguments.bind("d", "attribute", for: name)
            var items = try elements(of: value)
            if let path = bound.given("attribute") { items = try items.map(through: self, path) }
            return try join(items, with: bound["d"] ?? .string(""))
        case "first", "last":
            _ = try arguments.bind(for: name)
            let items = try elements(of: value)
            return (name == "first" ? items.first : items.last) ?? .undefined("the sequence of '\(name)' is empty")
        case "list":
            _ = try arguments.bind(for: name)
            return try makeList(elements(of: value))
        case "items": return try items(of: value, arguments)
        case "reverse":
            _ = try arguments.bind(for: name)
            if let text = value.text { return try makeText(Text.reversed(text), isMarkup: value.isMarkup) }
            return try makeList(elements(of: value).reversed())
        case "dictsort": return try sortDictionary(value, arguments)
        case "sort", "unique", "min", "max": return try applyOrder(name, elements(of: value), arguments)
        case "map":
            // Whatever is empty or none gives nothing, whatever the arguments are.
            return try value.isTrue ? map(elements(of: value), arguments) : makeList([])
        case "sum": return try sum(value, arguments)
        case "batch", "slice", "groupby", "random": return try applyToGroups(name, value, arguments)
        default: return try value.isTrue ? filter(elements(of: value), name, arguments) : makeList([])
        }
    }

    private func sum(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let bound = try arguments.bind("attribute", "start", for: "sum")
        var items = try elements(of: value)
        if let path = bound.given("attribute") { items = try items.map(through: self, path) }
        var total = bound["start"] ?? .int(0)
        guard total.text == nil else { throw TemplateError("'sum' does not add strings; use 'join'") }
        for item in items { total = try calculate(total, .add, item) }
        return total
    }

    func length(of value: Value) throws(TemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text), .markup(let text): return text.unicodeScalars.count
        case .list(let items), .tuple(let items): return items.elements.count
        case .dict(let members): return members.entries.count
        case .loop(let number): return try length(of: state(ofLoop: number))
        default: throw TemplateError("a value of type '\(value.typeName)' has no length")
        }
    }

    private func items(
        of value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        _ = try arguments.bind(for: "items")
        switch value {
        case .undefined: return try makeList([])
        case .dict(let members): return try makePairs(members.entries)
        default: throw TemplateError("'items' needs a dictionary, found a value of type '\(value.typeName)'")
        }
    }

    /// The filter `join`. Within `{% autoescape true %}` one text that is safe in HTML makes the result safe.
    private func join(_ items: [Value], with separator: Value) throws(TemplateError) -> Value {
        let isMarkup = autoescapes && (separator.isMarkup || items.contains(where: \.isMarkup))
        let between = try text(of: separator, escaping: isMarkup)
        var result = LimitedText(limits)
        for (index, item) in items.enumerated() {
            if index > 0 { try result.append(between) }
            try charge(item.weight)
            try result.append(text(of: item, escaping: isMarkup))
        }
        return try makeText(result.text, isMarkup: isMarkup)
    }

    /// Python's `str(value)`, escaped for HTML on request unless it is safe.
    func text(of value: Value, escaping: Bool) throws(TemplateError) -> String {
        let text = try str(value)
        return escaping && !value.isMarkup ? try Text.escaped(text, limits) : text
    }

    /// The member at the end of a path such as `function.name`.
    func member(
        _ path: Value, of value: Value, fallback: Value? = nil
    ) throws(TemplateError) -> Value {
        guard let text = path.text else { return try item(path, of: value) }
        var result = value
        for name in Text.pieces(of: text, separator: ".", limit: limits.steps) {
            try charge(1)
            let isIndex = !name.isEmpty && name.utf8.allSatisfy { (0x30...0x39).contains($0) }
            let index = isIndex ? Int(name) : nil
            result = try item(index.map { .int($0) } ?? .string(name), of: result)
            if let fallback, result.isUndefined { result = fallback }
        }
        return result
    }

    private func map(
        _ items: [Value], _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        var results: [Value] = []
        if arguments.positional.isEmpty, arguments.named.contains(where: { $0.name == "attribute" }) {
            let bound = try arguments.bind("attribute", "default", required: 1, for: "map")
            let path = bound["attribute"] ?? .none
            for item in items { results.append(try member(path, of: item, fallback: bound.given("default"))) }
        } else {
            let (name, rest) = try splitName(arguments, of: "map")
            for item in items { results.append(try apply(name, to: item, rest)) }
        }
        return try makeList(results)
    }

    /// The name of a filter or test given as first argument, and the arguments for it.
    private func splitName(
        _ arguments: Arguments, of filter: ExactString
    ) throws(TemplateError) -> (name: ExactString, rest: Arguments) {
        guard let name = arguments.positional.first?.text else {
            throw TemplateError("'\(filter)' needs a name as first argument")
        }
        try charge(arguments.positional.count)
        return (
            ExactString(name), Arguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
        )
    }

    /// `select`, `reject`, `selectattr` and `rejectattr`.
    private func filter(
        _ items: [Value], _ name: ExactString, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        var arguments = arguments
        var path: Value?
        if name == "selectattr" || name == "rejectattr" {
            guard let first = arguments.positional.first else {
                throw TemplateError("'\(name)' needs an attribute's name")
            }
            path = first
            arguments.positional.removeFirst()
        }
        let keeps = name == "select" || name == "selectattr"
        let condition = arguments.positional.isEmpty ? nil : try splitName(arguments, of: name)
        var kept: [Value] = []
        for item in items {
            let tested = try path.map { (path) throws(TemplateError) in try member(path, of: item) } ?? item
            let holds: Bool
            if let condition {
                holds = try test(tested, condition.name, condition.rest)
            } else {
                holds = tested.isTrue
            }
            if holds == keeps { kept.append(item) }
        }
        return try makeList(kept)
    }
}

extension [Value] {
    /// The member at the end of a path, of each element.
    fileprivate func map(
        through evaluator: Interpreter, _ path: Value
    ) throws(TemplateError) -> [Value] {
        if case .none = path { return self }
        var results: [Value] = []
        for element in self { results.append(try evaluator.member(path, of: element)) }
        return results
    }
}
