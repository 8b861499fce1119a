// Filters that order or compare elements. Letters' case does not count unless asked for.

extension TemplateEvaluator {
    private typealias Keyed = (key: [TemplateValue], item: TemplateValue)

    func applyOrder(
        _ name: String, _ items: [TemplateValue], _ arguments: TemplateArguments
    ) throws(TemplateFailure) -> TemplateValue {
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
            var seen: Set<TemplateDictionary.Key> = []
            var kept: [TemplateValue] = []
            for (key, item) in keyed {
                for value in key where seen.insert(try TemplateDictionary.Key(value)).inserted { kept.append(item) }
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

    /// `attribute` may name several members, separated by commas.
    private func key(
        of item: TemplateValue, _ attribute: TemplateValue?, _ isSensitive: Bool
    ) throws(TemplateFailure) -> [TemplateValue] {
        var values = [item]
        switch attribute {
        case nil, .some(.none): break
        case .string(let paths)?:
            values = []
            for path in paths.split(separator: ",", omittingEmptySubsequences: false) {
                values.append(try member(.string(String(path)), of: item))
            }
        case let path?: values = [try member(path, of: item)]
        }
        return isSensitive ? values : values.map(ignoringCase)
    }

    private func ignoringCase(_ value: TemplateValue) -> TemplateValue {
        if case .string(let text) = value { .string(text.lowercased()) } else { value }
    }

    private func precedes(_ left: Keyed, _ right: Keyed) throws(TemplateFailure) -> Bool {
        for (first, second) in zip(left.key, right.key) {
            try charge(min(first.weight, second.weight))
            if left.key.count == 1 || !first.equals(second) { return try first.order(second) == .less }
        }
        return false
    }

    private func sorted(_ items: [Keyed], reverse: Bool) throws(TemplateFailure) -> [Keyed] {
        try stableSort(items) { (left, right) throws(TemplateFailure) in
            try reverse ? precedes(right, left) : precedes(left, right)
        }
    }

    func sortDictionary(
        _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws(TemplateFailure) -> TemplateValue {
        let bound = try arguments.bind("case_sensitive", "by", "reverse", for: "dictsort")
        let by = try bound.string("by") ?? "key"
        guard by == "key" || by == "value" else {
            throw TemplateFailure("'dictsort' sorts by 'key' or 'value', not by '\(by)'")
        }
        guard case .dict(let members) = value else {
            throw TemplateFailure("'dictsort' needs a dictionary, found a value of type '\(value.typeName)'")
        }
        var keyed: [Keyed] = []
        for entry in members.entries {
            let key = by == "key" ? entry.key : entry.value
            let pair = try TemplateValue.makeTuple([entry.key, entry.value])
            keyed.append(([bound.flag("case_sensitive") ? key : ignoringCase(key)], pair))
        }
        return try makeList(sorted(keyed, reverse: bound.flag("reverse")).map(\.item))
    }
}
