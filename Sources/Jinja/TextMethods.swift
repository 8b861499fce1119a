// The methods of strings. Those of a string that is safe in HTML give such strings, as Python's `Markup` does.

extension Interpreter {
    func callTextMethod(
        _ name: ExactString, of receiver: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let text = receiver.text ?? ""
        let isMarkup = receiver.isMarkup
        switch name {
        case "strip", "lstrip", "rstrip":
            let characters = try arguments.bind("chars", for: name).string("chars")
            return try makeText(
                Text.strip(text, characters, start: name != "rstrip", end: name != "lstrip"), isMarkup: isMarkup)
        case "split", "rsplit": return try split(text, fromEnd: name == "rsplit", isMarkup, arguments)
        case "splitlines":
            let bound = try arguments.bind("keepends", for: name)
            try charge(text.utf8.count / 16)
            return try makeTexts(Text.lines(text, keepsEnds: bound.flag("keepends")), isMarkup)
        case "partition", "rpartition": return try partition(text, fromEnd: name == "rpartition", isMarkup, arguments)
        case "startswith", "endswith": return .bool(try hasAffix(text, name, arguments))
        case "removeprefix", "removesuffix":
            let affix = try requiredText("affix", arguments.bind("affix", required: 1, for: name))
            let isPrefix = name == "removeprefix"
            guard isPrefix ? text.utf8.starts(with: affix.utf8) : ends(text, with: affix) else { return receiver }
            let count = affix.unicodeScalars.count
            let rest = isPrefix ? text.unicodeScalars.dropFirst(count) : text.unicodeScalars.dropLast(count)
            return try makeText(String(rest), isMarkup: isMarkup)
        case "replace":
            let bound = try arguments.bind("old", "new", "count", required: 2, for: name)
            let new = try self.text(of: bound["new"] ?? .none, escaping: isMarkup)
            _ = try requiredText("new", bound)
            return try replace(
                text, requiredText("old", bound), with: new, count: bound.integer("count"), isMarkup: isMarkup)
        case "find", "rfind", "index", "rindex", "count": return try search(text, name, arguments)
        case "join":
            let items = try arguments.bind("iterable", required: 1, for: name)["iterable"] ?? .none
            return try join(elements(of: items), with: text, isMarkup)
        case "center", "ljust", "rjust", "zfill", "expandtabs": return try pad(text, name, isMarkup, arguments)
        case "format": return try formatFields(of: receiver, arguments)
        case "format_map":
            guard case .dict(let members)? = try arguments.bind("mapping", required: 1, for: name)["mapping"] else {
                throw TemplateError("'format_map' needs a dictionary")
            }
            var named: [(name: ExactString, value: Value)] = []
            for entry in members.entries {
                if let key = entry.key.text { named.append((ExactString(key), entry.value)) }
            }
            return try formatFields(of: receiver, Arguments(named: named))
        default:
            _ = try arguments.bind(for: name)
            return try convert(text, name, isMarkup) ?? .bool(has(text, name))
        }
    }

    private func convert(_ text: String, _ name: ExactString, _ isMarkup: Bool) throws(TemplateError) -> Value? {
        switch name {
        case "upper": return try makeText(text.uppercased(), isMarkup: isMarkup)
        case "lower": return try makeText(Text.lowered(text), isMarkup: isMarkup)
        case "title": return try makeText(Text.titled(text), isMarkup: isMarkup)
        case "capitalize": return try makeText(Text.capitalized(text), isMarkup: isMarkup)
        case "swapcase": return try makeText(Text.swappedCase(text), isMarkup: isMarkup)
        case "casefold": return try makeText(Text.folded(text), isMarkup: isMarkup)
        default: return nil
        }
    }

    /// The methods whose names begin with `is`.
    private func has(_ text: String, _ name: ExactString) -> Bool {
        let scalars = text.unicodeScalars
        func all(_ holds: (Unicode.Scalar) -> Bool) -> Bool { !scalars.isEmpty && scalars.allSatisfy(holds) }
        switch name {
        case "isalnum": return all(Text.isLetterOrNumber)
        case "isalpha": return all(Text.isLetter)
        case "isascii": return scalars.allSatisfy(\.isASCII)
        case "isdecimal": return all { $0.properties.numericType == .decimal }
        case "isdigit": return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
        case "isnumeric": return all { $0.properties.numericType != nil }
        case "isidentifier":
            guard let first = scalars.first, first == "_" || first.properties.isXIDStart else { return false }
            return scalars.allSatisfy(\.properties.isXIDContinue)
        case "islower", "isupper": return Text.isCased(text, isLower: name == "islower")
        case "isprintable": return scalars.allSatisfy { $0 == " " || isPrintable($0) }
        case "isspace": return all(Text.isSpace)
        default: return Text.isTitled(text)
        }
    }

    private func makeTexts(_ texts: [String], _ isMarkup: Bool) throws(TemplateError) -> Value {
        try makeList(texts.map { isMarkup ? .markup($0) : .string($0) })
    }

    private func requiredText(_ name: ExactString, _ bound: Arguments.Bound) throws(TemplateError) -> String {
        guard let text = try bound.string(name) else {
            throw TemplateError("'\(bound.callee)' expects a string for '\(name)', found a value of type 'NoneType'")
        }
        return text
    }

    private func join(
        _ items: [Value], with separator: String, _ isMarkup: Bool
    ) throws(TemplateError) -> Value {
        var result = LimitedText(limits)
        for (index, item) in items.enumerated() {
            if index > 0 { try result.append(separator) }
            guard isMarkup || item.text != nil else {
                throw TemplateError("'join' expects strings, found a value of type '\(item.typeName)'")
            }
            try charge(item.weight)
            try result.append(text(of: item, escaping: isMarkup))
        }
        return try makeText(result.text, isMarkup: isMarkup)
    }

    private func split(
        _ text: String, fromEnd: Bool, _ isMarkup: Bool, _ arguments: Arguments
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
        return try makeTexts(pieces, isMarkup)
    }

    /// The text before a separator, the separator, and the text after it.
    private func partition(
        _ text: String, fromEnd: Bool, _ isMarkup: Bool, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let separator = try requiredText("sep", arguments.bind("sep", required: 1, for: "partition"))
        guard !separator.isEmpty else { throw TemplateError("'partition' needs a separator that is not empty") }
        try charge(separator.utf8.count / 256)
        let parts: [String]
        if let start = fromEnd
            ? lastPosition(of: separator, in: text) : Text.positions(of: separator, in: text, limit: 1).first
        {
            let pieces = Text.pieces(of: text, at: [start], length: separator.utf8.count)
            parts = [pieces[0], separator, pieces[1]]
        } else {
            parts = fromEnd ? ["", "", text] : [text, "", ""]
        }
        return try .makeTuple(parts.map { isMarkup ? .markup($0) : .string($0) })
    }

    private func lastPosition(of part: String, in text: String) -> Int? {
        Text.positions(of: Text.reversed(part), in: Text.reversed(text), limit: 1).first.map {
            text.utf8.count - $0 - part.utf8.count
        }
    }

    private func ends(_ text: String, with affix: String) -> Bool {
        text.utf8.reversed().starts(with: affix.utf8.reversed())
    }

    private func hasAffix(_ text: String, _ name: ExactString, _ arguments: Arguments) throws(TemplateError) -> Bool {
        let bound = try arguments.bind("affix", "start", "end", required: 1, for: name)
        let affixes: [Value]
        switch bound["affix"] ?? .none {
        case .tuple(let items): affixes = items.elements
        case let affix: affixes = [affix]
        }
        guard let part = try part(of: text, bound) else { return false }
        for affix in affixes {
            guard let affix = affix.text else {
                throw TemplateError("'\(name)' expects a string or a tuple of strings, found '\(affix.typeName)'")
            }
            try charge(1 + affix.utf8.count / 256)
            if name == "startswith" ? part.utf8.starts(with: affix.utf8) : ends(part, with: affix) { return true }
        }
        return false
    }

    /// The part of a text from `start` to `end`; nil if it begins after the text's end.
    private func part(of text: String, _ bound: Arguments.Bound) throws(TemplateError) -> String? {
        guard bound.given("start") != nil || bound.given("end") != nil else { return text }
        let scalars = Array(text.unicodeScalars)
        if let start = try bound.integer("start"), start > scalars.count { return nil }
        return Text.string(of: scalars[try range(bound, "end", count: scalars.count)])
    }

    private func search(
        _ text: String, _ name: ExactString, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let bound = try arguments.bind("sub", "start", "end", required: 1, for: name)
        let wanted = try requiredText("sub", bound)
        try charge(wanted.utf8.count / 256)
        guard let part = try part(of: text, bound) else { return try notFound(name) }
        let start =
            bound.given("start") == nil ? 0 : try range(bound, "end", count: text.unicodeScalars.count).lowerBound
        if wanted.isEmpty {
            let count = part.unicodeScalars.count
            return .int(name == "count" ? count + 1 : name == "rfind" || name == "rindex" ? start + count : start)
        }
        if name == "count" {
            let positions = Text.positions(of: wanted, in: part, limit: limits.steps)
            try charge(positions.count)
            return .int(positions.count)
        }
        let isLast = name == "rfind" || name == "rindex"
        let found = isLast ? lastPosition(of: wanted, in: part) : Text.positions(of: wanted, in: part, limit: 1).first
        guard let found else { return try notFound(name) }
        return .int(start + String(decoding: part.utf8.prefix(found), as: UTF8.self).unicodeScalars.count)
    }

    private func notFound(_ name: ExactString) throws(TemplateError) -> Value {
        if name == "index" || name == "rindex" { throw TemplateError("'\(name)' did not find the text") }
        return .int(name == "count" ? 0 : -1)
    }

    private func pad(
        _ text: String, _ name: ExactString, _ isMarkup: Bool, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "zfill":
            let width = try arguments.bind("width", required: 1, for: name).integer("width") ?? 0
            let sign = text.unicodeScalars.first.flatMap { $0 == "+" || $0 == "-" ? String($0) : nil } ?? ""
            let digits = String(text.unicodeScalars.dropFirst(sign.utf8.count))
            let padded = try pad(
                digits, to: width.subtractingReportingOverflow(sign.utf8.count).partialValue, with: "0", .right)
            return try makeText(sign + padded, isMarkup: isMarkup)
        case "expandtabs":
            let size = try arguments.bind("tabsize", for: name).integer("tabsize") ?? 8
            return try makeText(expandTabs(text, size), isMarkup: isMarkup)
        default:
            let bound = try arguments.bind("width", "fillchar", required: 1, for: name)
            let fill = bound["fillchar"] == nil ? " " : try requiredText("fillchar", bound)
            guard fill.unicodeScalars.count == 1 else {
                throw TemplateError("'\(name)' needs one character to fill with, found \(fill.unicodeScalars.count)")
            }
            let alignment: Alignment = name == "center" ? .center : name == "ljust" ? .left : .right
            return try makeText(pad(text, to: bound.integer("width") ?? 0, with: fill, alignment), isMarkup: isMarkup)
        }
    }

    private func expandTabs(_ text: String, _ size: Int) throws(TemplateError) -> String {
        var result = LimitedText(limits)
        var column = 0
        try charge(text.utf8.count / 16)
        for scalar in text.unicodeScalars {
            guard scalar == "\t" else {
                try result.append(String(scalar))
                column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
                continue
            }
            guard size > 0 else { continue }
            let missing = size - column % size
            try result.append(pad("", to: missing, with: " ", .left))
            column += missing
        }
        return result.text
    }
}
