// Filters that order or compare elements. Upper and lower case are the same unless the template asks for the difference.
extension Interpreter {
    /// An element and what it is compared by.
    private typealias Keyed = (key: Value, item: Value)

    func applyOrder(
        _ name: ExactString, _ items: [Value], _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let bound =
            name == "sort"
            ? try arguments.bind("reverse", "case_sensitive", "attribute", for: name)
            : try arguments.bind("case_sensitive", "attribute", for: name)
        let isSensitive = bound.flag("case_sensitive")
        var keyed: [Keyed] = []
        for item in items {
            let key =
                name == "sort"
                ? try sortKey(of: item, bound.given("attribute"), isSensitive)
                : try key(of: item, bound.given("attribute"), isSensitive)
            keyed.append((key, item))
        }
        switch name {
        case "sort": return try makeList(sorted(keyed, reverse: bound.flag("reverse")).map(\.item))
        case "unique":
            var seen: Set<Mapping.Key> = []
            var kept: [Value] = []
            for (key, item) in keyed where seen.insert(try Mapping.Key(key)).inserted { kept.append(item) }
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

    /// What an element is compared by: itself, or the member at the end of a path.
    func key(
        of item: Value, _ attribute: Value?, _ isSensitive: Bool, fallback: Value? = nil
    ) throws(TemplateError) -> Value {
        let value =
            try attribute.map { (path) throws(TemplateError) in
                try member(path, of: item, fallback: fallback)
            } ?? item
        return isSensitive ? value : ignoringCase(value)
    }

    /// What `sort` compares an element by: a list, because `attribute` may name several members with commas between them.
    private func sortKey(
        of item: Value, _ attribute: Value?, _ isSensitive: Bool
    ) throws(TemplateError) -> Value {
        guard let paths = attribute?.text else { return try .makeList([key(of: item, attribute, isSensitive)]) }
        var values: [Value] = []
        for path in Text.pieces(of: paths, separator: ",", limit: limits.steps) {
            values.append(try key(of: item, .string(path), isSensitive))
        }
        return try .makeList(values)
    }

    private func ignoringCase(_ value: Value) -> Value {
        if let text = value.text { .string(Text.lowered(text)) } else { value }
    }

    private func precedes(_ left: Keyed, _ right: Keyed) throws(TemplateError) -> Bool {
        try charge(min(left.key.weight, right.key.weight))
        return try left.key.order(right.key) == .less
    }

    func sorted(
        _ items: [(key: Value, item: Value)], reverse: Bool
    ) throws(TemplateError) -> [(key: Value, item: Value)] {
        try stableSort(items) { (left, right) throws(TemplateError) in
            try reverse ? precedes(right, left) : precedes(left, right)
        }
    }

    func sortDictionary(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let bound = try arguments.bind("case_sensitive", "by", "reverse", for: "dictsort")
        let by = ExactString(try bound.string("by") ?? "key")
        guard by == "key" || by == "value" else {
            throw TemplateError("'dictsort' sorts by 'key' or 'value', not by '\(by)'")
        }
        if case .undefined(let what) = value { throw TemplateError(what) }
        guard case .dict(let members) = value else {
            throw TemplateError("'dictsort' needs a dictionary, found a value of type '\(value.typeName)'")
        }
        var keyed: [Keyed] = []
        for entry in members.entries {
            let key = by == "key" ? entry.key : entry.value
            let pair = try Value.makeTuple([entry.key, entry.value])
            keyed.append((bound.flag("case_sensitive") ? key : ignoringCase(key), pair))
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
