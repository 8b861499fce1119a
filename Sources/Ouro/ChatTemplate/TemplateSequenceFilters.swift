// Filters of lists and other things that can be iterated over. Where Jinja makes a lazy iterator, these make a list.

extension TemplateEvaluator {
    func applyToSequence(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws(TemplateFailure) -> TemplateValue {
        switch name {
        case "length", "count":
            _ = try arguments.bind(for: name)
            return .int(try length(of: value))
        case "join":
            let bound = try arguments.bind("d", "attribute", for: name)
            var items = try elements(of: value)
            if let path = bound["attribute"] { items = try items.map(through: self, path) }
            return try join(items, with: bound["d"]?.text() ?? "", converting: true)
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
            if case .string(let text) = value { return try makeText(TemplateText.reversed(text)) }
            return try makeList(elements(of: value).reversed())
        case "dictsort": return try sortDictionary(value, arguments)
        case "sort", "unique", "min", "max": return try applyOrder(name, elements(of: value), arguments)
        case "map": return try map(elements(of: value), arguments)
        case "sum":
            let bound = try arguments.bind("attribute", "start", for: name)
            var items = try elements(of: value)
            if let path = bound["attribute"], case .string = path { items = try items.map(through: self, path) }
            var total = bound["start"] ?? .int(0)
            for item in items { total = try calculate(total, .add, item) }
            return total
        default: return try filter(elements(of: value), name, arguments)
        }
    }

    private func length(of value: TemplateValue) throws(TemplateFailure) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text): return text.unicodeScalars.count
        case .list(let items), .tuple(let items): return items.elements.count
        case .dict(let members): return members.entries.count
        default: throw TemplateFailure("a value of type '\(value.typeName)' has no length")
        }
    }

    private func items(
        of value: TemplateValue, _ arguments: TemplateArguments
    ) throws(TemplateFailure) -> TemplateValue {
        _ = try arguments.bind(for: "items")
        switch value {
        case .undefined: return try makeList([])
        case .dict(let members): return try makePairs(members.entries)
        default: throw TemplateFailure("'items' needs a dictionary, found a value of type '\(value.typeName)'")
        }
    }

    /// Joins texts; `converting` makes text of other values, otherwise they are an error.
    func join(
        _ items: [TemplateValue], with separator: String, converting: Bool
    ) throws(TemplateFailure) -> TemplateValue {
        var result = ""
        for (index, item) in items.enumerated() {
            if index > 0 { result += separator }
            if case .string(let text) = item {
                result += text
            } else if converting {
                try charge(item.weight)
                result += try item.text()
            } else {
                throw TemplateFailure("'join' expects strings, found a value of type '\(item.typeName)'")
            }
            guard result.utf8.count <= TemplateLimits.bytes else { throw TemplateLimits.tooLong }
        }
        return try makeText(result)
    }

    /// The member a path such as `function.name` leads to.
    func member(
        _ path: TemplateValue, of value: TemplateValue, fallback: TemplateValue? = nil
    ) throws(TemplateFailure) -> TemplateValue {
        guard case .string(let text) = path else { return try item(path, of: value) }
        var result = value
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            try charge(1)
            let index = part.allSatisfy(\.isASCII) && part.allSatisfy(\.isNumber) ? Int(part) : nil
            result = try item(index.map { .int($0) } ?? .string(String(part)), of: result)
            if let fallback, result.isUndefined { result = fallback }
        }
        return result
    }

    private func map(
        _ items: [TemplateValue], _ arguments: TemplateArguments
    ) throws(TemplateFailure) -> TemplateValue {
        var results: [TemplateValue] = []
        if arguments.positional.isEmpty {
            let bound = try arguments.bind("attribute", "default", required: 1, for: "map")
            let path = bound["attribute"] ?? .none
            for item in items { results.append(try member(path, of: item, fallback: bound["default"])) }
        } else {
            let (name, rest) = try splitName(arguments, of: "map")
            for item in items { results.append(try apply(name, to: item, rest)) }
        }
        return try makeList(results)
    }

    /// The name of a filter or test given as first argument, and the arguments for it.
    private func splitName(
        _ arguments: TemplateArguments, of filter: String
    ) throws(TemplateFailure) -> (name: String, rest: TemplateArguments) {
        guard case .string(let name)? = arguments.positional.first else {
            throw TemplateFailure("'\(filter)' needs a name as first argument")
        }
        try charge(arguments.positional.count)
        return (name, TemplateArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named))
    }

    /// `select`, `reject`, `selectattr` and `rejectattr`.
    private func filter(
        _ items: [TemplateValue], _ name: String, _ arguments: TemplateArguments
    ) throws(TemplateFailure) -> TemplateValue {
        var arguments = arguments
        var path: TemplateValue?
        if name.hasSuffix("attr") {
            guard let first = arguments.positional.first else {
                throw TemplateFailure("'\(name)' needs an attribute's name")
            }
            path = first
            arguments.positional.removeFirst()
        }
        let keeps = name.hasPrefix("select")
        let condition = arguments.positional.isEmpty ? nil : try splitName(arguments, of: name)
        var kept: [TemplateValue] = []
        for item in items {
            let tested = try path.map { (path) throws(TemplateFailure) in try member(path, of: item) } ?? item
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

extension [TemplateValue] {
    /// The members a path leads to in each element.
    fileprivate func map(
        through evaluator: TemplateEvaluator, _ path: TemplateValue
    ) throws(TemplateFailure) -> [TemplateValue] {
        if case .none = path { return self }
        var results: [TemplateValue] = []
        for element in self { results.append(try evaluator.member(path, of: element)) }
        return results
    }
}
