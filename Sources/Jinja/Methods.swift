/// The methods of strings, dictionaries and sequences. No method changes its receiver.
enum Methods {
    /// The names of the methods that a value has.
    static func names(for value: Value) -> Set<ExactString> {
        switch value {
        case .string, .markup: strings
        case .dict: ["items", "keys", "values", "get", "copy"]
        case .list: ["index", "count", "copy"]
        case .tuple: ["index", "count"]
        default: []
        }
    }

    /// Whether Python has a method of this name that changes its receiver.
    static func changesReceiver(_ name: ExactString, _ value: Value) -> Bool {
        switch value {
        case .list:
            ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"].contains(name)
        case .dict: ["clear", "pop", "popitem", "setdefault", "update"].contains(name)
        default: false
        }
    }

    private static let strings: Set<ExactString> = [
        "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "format_map", "index",
        "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable",
        "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix",
        "removesuffix",
        "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
        "strip", "swapcase", "title", "upper", "zfill",
    ]
}

extension Interpreter {
    func callMethod(
        _ name: ExactString, of receiver: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        try charge(receiver.weight)
        switch receiver {
        case .string, .markup: return try callTextMethod(name, of: receiver, arguments)
        case .dict(let members): return try callMethod(name, of: members, arguments)
        case .list(let items), .tuple(let items):
            guard name == "copy" else { return try callMethod(name, of: items, arguments) }
            _ = try arguments.bind(for: name)
            return receiver
        case .loop(let number): return try callLoopMethod(name, ofLoop: number, arguments)
        case .cycler(let number): return try callCyclerMethod(name, number, arguments)
        case .template:
            _ = try arguments.bind(for: name)
            guard let block = blocks[name] else { throw TemplateError("there is no block '\(name)'") }
            let (text, _) = try capture { () throws(TemplateError) in try execute(block, globals) }
            return try makeText(text, isMarkup: autoescapes)
        default: throw TemplateError("a value of type '\(receiver.typeName)' has no method '\(name)'")
        }
    }

    private func callMethod(
        _ name: ExactString, of members: Mapping, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "get":
            let bound = try arguments.bind("key", "default", required: 1, for: name)
            guard let key = bound["key"] else { return .none }
            _ = try Mapping.Key(key)
            return members.value(for: key) ?? bound["default"] ?? .none
        case "keys":
            _ = try arguments.bind(for: name)
            return try makeList(members.keys)
        case "values":
            _ = try arguments.bind(for: name)
            return try makeList(members.values)
        case "copy":
            _ = try arguments.bind(for: name)
            return .dict(members)
        default:
            _ = try arguments.bind(for: name)
            return try makePairs(members.entries)
        }
    }

    /// The list of a dictionary's entries, each a tuple of key and value.
    func makePairs(
        _ entries: [(key: Value, value: Value)]
    ) throws(TemplateError) -> Value {
        var pairs: [Value] = []
        for entry in entries { pairs.append(try .makeTuple([entry.key, entry.value])) }
        return try makeList(pairs)
    }

    private func callMethod(
        _ name: ExactString, of items: Elements, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        guard name == "index" else {
            let wanted = try arguments.bind("value", required: 1, for: name)["value"] ?? .none
            return .int(items.elements.count { $0.equals(wanted) })
        }
        let bound = try arguments.bind("value", "start", "stop", required: 1, for: name)
        let range = try range(bound, "stop", count: items.elements.count)
        let wanted = bound["value"] ?? .none
        guard let index = items.elements[range].firstIndex(where: { $0.equals(wanted) }) else {
            throw TemplateError("'index' did not find the value")
        }
        return .int(index)
    }

    /// The part of a sequence from `start` to `stop`, which count from the end if they are negative. Empty if it would end
    /// before it begins.
    func range(_ bound: Arguments.Bound, _ stop: ExactString, count: Int) throws(TemplateError) -> Range<Int> {
        func clamped(_ position: Int) -> Int { min(max(position < 0 ? position + count : position, 0), count) }
        let first = clamped(try bound.integer("start") ?? 0)
        return first..<max(first, clamped(try bound.integer(stop) ?? count))
    }
}
