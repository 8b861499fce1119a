/// The methods of strings, dictionaries and lists. No method changes its receiver.
enum Methods {
    /// The names of the methods that a value has.
    static func names(for value: Value) -> Set<String> {
        switch value {
        case .string: strings
        case .dict: ["items", "keys", "values", "get"]
        case .list, .tuple: ["index", "count"]
        default: []
        }
    }

    private static let strings: Set<String> = [
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "upper", "lower",
        "replace", "title", "capitalize", "find", "rfind", "count", "join", "isdigit", "removeprefix", "removesuffix",
    ]
}

extension Interpreter {
    func callMethod(
        _ name: String, of receiver: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        try charge(receiver.weight)
        switch receiver {
        case .string(let text): return try callMethod(name, of: text, arguments)
        case .dict(let members): return try callMethod(name, of: members, arguments)
        case .list(let items), .tuple(let items): return try callMethod(name, of: items, arguments)
        case .loop(let number):
            guard loops.indices.contains(number) else { throw TemplateError("this loop has ended") }
            let values = arguments.positional
            guard !values.isEmpty else { throw TemplateError("'cycle' needs something to choose from") }
            return values[loops[number].index % values.count]
        default: throw TemplateError("a value of type '\(receiver.typeName)' has no method '\(name)'")
        }
    }

    private func callMethod(
        _ name: String, of members: Mapping, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "get":
            let bound = try arguments.bind("key", "default", required: 1, for: name)
            return bound["key"].flatMap(members.value(for:)) ?? bound["default"] ?? .none
        case "keys":
            _ = try arguments.bind(for: name)
            return try makeList(members.keys)
        case "values":
            _ = try arguments.bind(for: name)
            return try makeList(members.values)
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
        _ name: String, of items: Elements, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let wanted = try arguments.bind("value", required: 1, for: name)["value"] ?? .none
        if name == "count" { return .int(items.elements.count { $0.equals(wanted) }) }
        guard let index = items.elements.firstIndex(where: { $0.equals(wanted) }) else {
            throw TemplateError("'index' did not find the value")
        }
        return .int(index)
    }

    private func callMethod(
        _ name: String, of text: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "strip", "lstrip", "rstrip":
            let characters = try arguments.bind("chars", for: name).string("chars")
            return try makeText(
                Text.strip(text, characters, start: name != "rstrip", end: name != "lstrip"))
        case "split", "rsplit": return try split(text, fromEnd: name == "rsplit", arguments)
        case "startswith", "endswith":
            let wanted = try arguments.bind("affix", required: 1, for: name)["affix"] ?? .none
            return .bool(try has(text, affix: wanted, atStart: name == "startswith"))
        case "removeprefix", "removesuffix":
            let affix = try arguments.bind("affix", required: 1, for: name).string("affix") ?? ""
            let isPrefix = name == "removeprefix"
            guard try has(text, affix: .string(affix), atStart: isPrefix) else { return .string(text) }
            let count = affix.unicodeScalars.count
            let rest = isPrefix ? text.unicodeScalars.dropFirst(count) : text.unicodeScalars.dropLast(count)
            return try makeText(String(rest))
        case "replace":
            let bound = try arguments.bind("old", "new", "count", required: 2, for: name)
            return try replace(
                text, bound.string("old") ?? "", with: bound.string("new") ?? "", count: bound.integer("count"))
        case "find", "rfind", "count": return try search(text, name, arguments)
        case "join":
            let items = try arguments.bind("iterable", required: 1, for: name)["iterable"] ?? .none
            return try join(elements(of: items), with: text, converting: false)
        default:
            _ = try arguments.bind(for: name)
            return try transform(text, name)
        }
    }

    private func transform(_ text: String, _ name: String) throws(TemplateError) -> Value {
        switch name {
        case "upper": return try makeText(text.uppercased())
        case "lower": return try makeText(text.lowercased())
        case "title": return try makeText(Text.titled(text))
        case "capitalize": return try makeText(Text.capitalized(text))
        case "isdigit":
            let areDigits = text.unicodeScalars.allSatisfy { $0.properties.numericType == .decimal }
            return .bool(!text.isEmpty && areDigits)
        case "splitlines":
            try charge(text.utf8.count / 16)
            return try makeList(Text.lines(text).map { .string($0) })
        default: throw TemplateError("a string has no method '\(name)' in the supported subset")
        }
    }

    private func split(
        _ text: String, fromEnd: Bool, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let bound = try arguments.bind("sep", "maxsplit", for: fromEnd ? "rsplit" : "split")
        let given = try bound.integer("maxsplit") ?? -1
        let limit = given < 0 ? Int.max : given
        // To split from the end is to split the reversed text from the start.
        let source = fromEnd ? Text.reversed(text) : text
        var pieces: [String]
        if let separator = try bound.string("sep") {
            guard !separator.isEmpty else { throw TemplateError("'split' needs a separator that is not empty") }
            try charge(separator.utf8.count / 256)
            let needle = fromEnd ? Text.reversed(separator) : separator
            let positions = Text.positions(of: needle, in: source, limit: min(limit, limits.steps))
            try charge(positions.count)
            pieces = Text.pieces(of: source, at: positions, length: needle.utf8.count)
        } else {
            try charge(source.utf8.count / 16)
            pieces = Text.words(source, limit: limit)
        }
        if fromEnd { pieces = pieces.reversed().map(Text.reversed) }
        return try makeList(pieces.map { .string($0) })
    }

    private func has(_ text: String, affix: Value, atStart: Bool) throws(TemplateError) -> Bool {
        switch affix {
        case .string(let affix):
            return atStart
                ? text.utf8.starts(with: affix.utf8) : text.utf8.reversed().starts(with: affix.utf8.reversed())
        case .tuple(let affixes):
            for affix in affixes.elements where try has(text, affix: affix, atStart: atStart) { return true }
            return false
        default: throw TemplateError("expected a string or a tuple of strings, found '\(affix.typeName)'")
        }
    }

    private func search(
        _ text: String, _ name: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let wanted = try arguments.bind("sub", required: 1, for: name).string("sub") ?? ""
        try charge(wanted.utf8.count / 256)
        if wanted.isEmpty {
            let count = text.unicodeScalars.count
            return .int(name == "find" ? 0 : name == "rfind" ? count : count + 1)
        }
        if name == "rfind" {
            let found = Text.positions(
                of: Text.reversed(wanted), in: Text.reversed(text), limit: 1)
            guard let fromEnd = found.first else { return .int(-1) }
            let start = text.utf8.count - fromEnd - wanted.utf8.count
            return .int(String(decoding: text.utf8.prefix(start), as: UTF8.self).unicodeScalars.count)
        }
        let limit = name == "find" ? 1 : limits.steps
        let positions = Text.positions(of: wanted, in: text, limit: limit)
        try charge(positions.count)
        if name == "count" { return .int(positions.count) }
        guard let start = positions.first else { return .int(-1) }
        return .int(String(decoding: text.utf8.prefix(start), as: UTF8.self).unicodeScalars.count)
    }
}
