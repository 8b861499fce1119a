// Filters that cut a sequence into lists, and `random`.

extension Interpreter {
    func applyToGroups(
        _ name: ExactString, _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "batch":
            let bound = try arguments.bind("linecount", "fill_with", required: 1, for: name)
            return try batch(elements(of: value), bound.integer("linecount") ?? 0, fill: bound.given("fill_with"))
        case "slice":
            let bound = try arguments.bind("slices", "fill_with", required: 1, for: name)
            return try cut(elements(of: value), into: bound.integer("slices") ?? 0, fill: bound.given("fill_with"))
        case "groupby": return try group(elements(of: value), arguments)
        default:
            _ = try arguments.bind(for: name)
            return try randomElement(of: value)
        }
    }

    /// Lists of so many elements each. The last one is filled up on request.
    private func batch(_ items: [Value], _ size: Int, fill: Value?) throws(TemplateError) -> Value {
        var lists: [Value] = []
        var current: [Value] = []
        for item in items {
            if current.count == size {
                lists.append(try makeList(current))
                current = []
            }
            current.append(item)
        }
        guard !current.isEmpty else { return try makeList(lists) }
        if let fill, current.count < size {
            let missing = size - current.count
            let (weight, overflow) = missing.multipliedReportingOverflow(by: fill.weight)
            guard !overflow, weight <= Limits.weight else { throw Limits.tooHeavy }
            try charge(weight)
            current += Array(repeating: fill, count: missing)
        }
        lists.append(try makeList(current))
        return try makeList(lists)
    }

    /// So many lists, the first of which have one element more. The others get the fill value on request.
    private func cut(_ items: [Value], into count: Int, fill: Value?) throws(TemplateError) -> Value {
        guard count != 0 else { throw TemplateError("'slice' needs a number of slices that is not 0") }
        guard count > 0 else { return try makeList([]) }
        try charge(count)
        let (size, longer) = items.count.quotientAndRemainder(dividingBy: count)
        var lists: [Value] = []
        var start = 0
        for number in 0..<count {
            let end = start + size + (number < longer ? 1 : 0)
            var list = Array(items[start..<end])
            if let fill, number >= longer { list.append(fill) }
            lists.append(try makeList(list))
            start = end
        }
        return try makeList(lists)
    }

    /// A tuple of key and list for each value of a member, in the order of the values.
    private func group(_ items: [Value], _ arguments: Arguments) throws(TemplateError) -> Value {
        let bound = try arguments.bind("attribute", "default", "case_sensitive", required: 1, for: "groupby")
        let isSensitive = bound.flag("case_sensitive")
        let (path, fallback) = (bound.given("attribute"), bound.given("default"))
        var keyed: [(key: Value, item: Value)] = []
        for item in items { keyed.append((try key(of: item, path, isSensitive, fallback: fallback), item)) }
        var groups: [Value] = []
        var current: (key: Value, items: [Value])?
        func finish() throws(TemplateError) {
            guard let (key, items) = current, let first = items.first else { return }
            let shown = isSensitive ? key : try self.key(of: first, path, true, fallback: fallback)
            var pair = try Elements([shown, makeList(items)])
            pair.isGroup = true
            groups.append(.tuple(pair))
        }
        for (key, item) in try sorted(keyed, reverse: false) {
            try charge(key.weight)
            if let open = current, open.key.equals(key) {
                current?.items.append(item)
            } else {
                try finish()
                current = (key, [item])
            }
        }
        try finish()
        return try makeList(groups)
    }

    private func randomElement(of value: Value) throws(TemplateError) -> Value {
        switch value {
        case .list, .tuple, .string, .markup, .undefined:
            return try elements(of: value).randomElement() ?? .undefined("the sequence of 'random' is empty")
        default: throw TemplateError("'random' needs a sequence, found a value of type '\(value.typeName)'")
        }
    }
}
