// Filters of whatever can be iterated over. Where Jinja makes a lazy iterator, these make a list.

extension Interpreter {
    func applyToSequence(
        _ name: String, _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "length", "count":
            _ = try arguments.bind(for: name)
            return .int(try length(of: value))
        case "join":
            let bound = try arguments.bind("d", "attribute", for: name)
            var items = try elements(of: value)
            if let path = bound["attribute"] { items = try items.map(through: self, path) }
            return try join(
                items, with: bound["d"].map { (value) throws(TemplateError) in try str(value) } ?? "", converting: true)
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
            if case .string(let text) = value { return try makeText(Text.reversed(text)) }
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

    private func length(of value: Value) throws(TemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text): return text.unicodeScalars.count
        case .list(let items), .tuple(let items): return items.elements.count
        case .dict(let members): return members.entries.count
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

    /// Joins texts. Other values are converted to text if `converting`, and are an error otherwise.
    func join(
        _ items: [Value], with separator: String, converting: Bool
    ) throws(TemplateError) -> Value {
        var result = LimitedText(limits)
        for (index, item) in items.enumerated() {
            if index > 0 { try result.append(separator) }
            if case .string(let text) = item {
                try result.append(text)
            } else if converting {
                try charge(item.weight)
                try result.append(str(item))
            } else {
                throw TemplateError("'join' expects strings, found a value of type '\(item.typeName)'")
            }
        }
        return try makeText(result.text)
    }

    /// The member at the end of a path such as `function.name`.
    func member(
        _ path: Value, of value: Value, fallback: Value? = nil
    ) throws(TemplateError) -> Value {
        guard case .string(let text) = path else { return try item(path, of: value) }
        var result = value
        for name in Text.pieces(of: text, separator: ".", limit: limits.steps) {
            try charge(1)
            let index = name.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(name) : nil
            result = try item(index.map { .int($0) } ?? .string(name), of: result)
            if let fallback, result.isUndefined { result = fallback }
        }
        return result
    }

    private func map(
        _ items: [Value], _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        var results: [Value] = []
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
        _ arguments: Arguments, of filter: String
    ) throws(TemplateError) -> (name: String, rest: Arguments) {
        guard case .string(let name)? = arguments.positional.first else {
            throw TemplateError("'\(filter)' needs a name as first argument")
        }
        try charge(arguments.positional.count)
        return (name, Arguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named))
    }

    /// `select`, `reject`, `selectattr` and `rejectattr`.
    private func filter(
        _ items: [Value], _ name: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        var arguments = arguments
        var path: Value?
        if name.hasSuffix("attr") {
            guard let first = arguments.positional.first else {
                throw TemplateError("'\(name)' needs an attribute's name")
            }
            path = first
            arguments.positional.removeFirst()
        }
        let keeps = name.hasPrefix("select")
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

// Filters that order or compare elements. Upper and lower case are the same unless the template asks for the difference.
extension Interpreter {
    /// An element and what it is compared by.
    private typealias Keyed = (key: [Value], item: Value)

    func applyOrder(
        _ name: String, _ items: [Value], _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let bound =
            name == "sort"
            ? try arguments.bind("reverse", "case_sensitive", "attribute", for: name)
            : try arguments.bind("case_sensitive", "attribute", for: name)
        let isSensitive = bound.flag("case_sensitive")
        var keyed: [Keyed] = []
        for item in items { keyed.append((try key(of: item, bound["attribute"], isSensitive), item)) }
        switch name {
        case "sort":
            let isReverse = bound.flag("reverse")
            return try makeList(sorted(keyed, reverse: isReverse).map(\.item))
        case "unique":
            var seen: Set<Mapping.Key> = []
            var kept: [Value] = []
            for (key, item) in keyed {
                for value in key where seen.insert(try Mapping.Key(value)).inserted { kept.append(item) }
            }
            return try makeList(kept)
        default:
            guard var best = keyed.first else { return .undefined("the sequence of '\(name)' is empty") }
            for candidate in keyed.dropFirst() {
                let isBetter = try name == "min" ? precedes(candidate, best) : precedes(best, candidate)
                if isBetter { best = candidate }
            }
            return best.item
        }
    }

    /// What an element is compared by. `attribute` may name several members, with commas between them.
    private func key(
        of item: Value, _ attribute: Value?, _ isSensitive: Bool
    ) throws(TemplateError) -> [Value] {
        var values = [item]
        switch attribute {
        case nil, .some(.none): break
        case .string(let paths)?:
            values = []
            for path in Text.pieces(of: paths, separator: ",", limit: limits.steps) {
                values.append(try member(.string(path), of: item))
            }
        case let path?: values = [try member(path, of: item)]
        }
        return isSensitive ? values : values.map(ignoringCase)
    }

    private func ignoringCase(_ value: Value) -> Value {
        if case .string(let text) = value { .string(text.lowercased()) } else { value }
    }

    private func precedes(_ left: Keyed, _ right: Keyed) throws(TemplateError) -> Bool {
        for (first, second) in zip(left.key, right.key) {
            try charge(min(first.weight, second.weight))
            if left.key.count == 1 || !first.equals(second) { return try first.order(second) == .less }
        }
        return false
    }

    private func sorted(_ items: [Keyed], reverse: Bool) throws(TemplateError) -> [Keyed] {
        try stableSort(items) { (left, right) throws(TemplateError) in
            try reverse ? precedes(right, left) : precedes(left, right)
        }
    }

    func sortDictionary(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let bound = try arguments.bind("case_sensitive", "by", "reverse", for: "dictsort")
        let by = try bound.string("by") ?? "key"
        guard by == "key" || by == "value" else {
            throw TemplateError("'dictsort' sorts by 'key' or 'value', not by '\(by)'")
        }
        guard case .dict(let members) = value else {
            throw TemplateError("'dictsort' needs a dictionary, found a value of type '\(value.typeName)'")
        }
        var keyed: [Keyed] = []
        for entry in members.entries {
            let key = by == "key" ? entry.key : entry.value
            let pair = try Value.makeTuple([entry.key, entry.value])
            keyed.append(([bound.flag("case_sensitive") ? key : ignoringCase(key)], pair))
        }
        return try makeList(sorted(keyed, reverse: bound.flag("reverse")).map(\.item))
    }
}

/// Sorts by merging, which keeps the order of equal elements.
///
/// The standard library's sort does not pass on the type of an error that the comparison throws.
func stableSort<Element>(
    _ elements: [Element], _ precedes: (Element, Element) throws(TemplateError) -> Bool
) throws(TemplateError) -> [Element] {
    var sorted = elements
    var width = 1
    while width < sorted.count {
        var merged: [Element] = []
        merged.reserveCapacity(sorted.count)
        var start = 0
        while start < sorted.count {
            let middle = min(start + width, sorted.count)
            let end = min(middle + width, sorted.count)
            var (left, right) = (start, middle)
            while left < middle && right < end {
                if try precedes(sorted[right], sorted[left]) {
                    merged.append(sorted[right])
                    right += 1
                } else {
                    merged.append(sorted[left])
                    left += 1
                }
            }
            merged.append(contentsOf: sorted[left..<middle])
            merged.append(contentsOf: sorted[right..<end])
            start = end
        }
        sorted = merged
        width *= 2
    }
    return sorted
}
