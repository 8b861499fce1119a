// Filters that make text of any value. A string that is safe in HTML stays so where Python's `Markup` does.

extension Interpreter {
    func applyToText(
        _ name: ExactString, _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let text = try str(value)
        try charge(text.utf8.count / 256)
        switch name {
        case "trim":
            let characters = try arguments.bind("chars", for: name).string("chars")
            return try makeText(Text.strip(text, characters), isMarkup: value.isMarkup)
        case "replace":
            let bound = try arguments.bind("old", "new", "count", required: 2, for: name)
            return try replace(in: value, bound["old"] ?? .none, with: bound["new"] ?? .none, bound.integer("count"))
        case "indent": return try indent(value, arguments)
        case "format":
            guard arguments.positional.isEmpty || arguments.named.isEmpty else {
                throw TemplateError("'format' takes arguments with names or without, not both")
            }
            if arguments.named.isEmpty { return try format(value, with: .makeTuple(arguments.positional)) }
            var members = Mapping()
            for argument in arguments.named { try members.set(argument.value, for: .string(argument.name.text)) }
            return try format(value, with: .dict(members))
        case "center":
            let width = try arguments.bind("width", for: name).integer("width") ?? 80
            return try makeText(pad(text, to: width, with: " ", .center), isMarkup: value.isMarkup)
        case "wordwrap": return try wrap(value, arguments)
        case "truncate": return try truncate(value, arguments)
        case "urlize": return try linkAddresses(in: value, arguments)
        default:
            _ = try arguments.bind(for: name)
            return try convert(text, name, isMarkup: value.isMarkup)
        }
    }

    private func convert(_ text: String, _ name: ExactString, isMarkup: Bool) throws(TemplateError) -> Value {
        switch name {
        case "upper": return try makeText(text.uppercased(), isMarkup: isMarkup)
        case "lower": return try makeText(Text.lowered(text), isMarkup: isMarkup)
        case "capitalize": return try makeText(Text.capitalized(text), isMarkup: isMarkup)
        case "title": return try makeText(Text.titledWords(text))
        case "safe": return try makeText(text, isMarkup: true)
        case "escape", "e": return try makeText(isMarkup ? text : Text.escaped(text, limits), isMarkup: true)
        case "forceescape": return try makeText(Text.escaped(text, limits), isMarkup: true)
        case "striptags": return try makeText(HTML.withoutTags(text))
        case "wordcount":
            try charge(text.utf8.count / 16)
            return .int(Text.wordCount(text))
        default: return try makeText(text, isMarkup: isMarkup)
        }
    }

    /// The text of a value for a filter that takes nothing but strings.
    private func requireText(_ value: Value, for name: String) throws(TemplateError) -> String {
        if case .undefined(let what) = value { throw TemplateError(what) }
        guard let text = value.text else {
            throw TemplateError("'\(name)' needs a string, found a value of type '\(value.typeName)'")
        }
        return text
    }

    private func replace(
        in value: Value, _ old: Value, with new: Value, _ count: Int?
    ) throws(TemplateError) -> Value {
        let (text, wanted) = (try str(value), try str(old))
        guard autoescapes else { return try replace(text, wanted, with: str(new), count: count, isMarkup: false) }
        let isMarkup = value.isMarkup || old.isMarkup || new.isMarkup
        let source = isMarkup && !value.isMarkup ? try Text.escaped(text, limits) : text
        let replacement = isMarkup && !new.isMarkup ? try Text.escaped(str(new), limits) : try str(new)
        return try replace(source, wanted, with: replacement, count: count, isMarkup: isMarkup)
    }

    func replace(
        _ text: String, _ old: String, with new: String, count: Int?, isMarkup: Bool
    ) throws(TemplateError) -> Value {
        let limit = count.map { $0 < 0 ? Int.max : $0 } ?? Int.max
        try charge(old.utf8.count / 256)
        var pieces: [String]
        if old.isEmpty {
            try charge(text.utf8.count)
            let scalars = text.unicodeScalars.map { String($0) }
            let single = scalars.prefix(max(0, limit - 1))
            let rest = scalars.dropFirst(single.count).joined()
            pieces = limit == 0 ? [text] : [""] + single
            if limit > 0 { limit > scalars.count ? pieces.append("") : pieces.append(rest) }
        } else {
            let positions = Text.positions(of: old, in: text, limit: min(limit, limits.steps))
            try charge(positions.count)
            pieces = Text.pieces(of: text, at: positions, length: old.utf8.count)
        }
        let (added, overflow) = new.utf8.count.multipliedReportingOverflow(by: pieces.count - 1)
        guard !overflow, added <= limits.textBytes else { throw limits.tooLong }
        return try makeText(pieces.joined(separator: new), isMarkup: isMarkup)
    }

    private func indent(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let text = try requireText(value, for: "indent")
        let bound = try arguments.bind("width", "first", "blank", for: "indent")
        let indentation: String
        if let given = bound["width"]?.text {
            indentation = given
        } else {
            indentation = try spaces(bound.integer("width") ?? 4)
        }
        let lineCount = text.unicodeScalars.count { $0.properties.isWhitespace } + 1
        let (size, overflow) = lineCount.multipliedReportingOverflow(by: indentation.utf8.count)
        guard !overflow, size <= limits.textBytes else { throw limits.tooLong }
        // A text that is safe in HTML takes an indentation as it is: Jinja marks it as safe.
        return try makeText(
            Text.indented(text, by: indentation, first: bound.flag("first"), blank: bound.flag("blank")),
            isMarkup: value.isMarkup)
    }

    private func truncate(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let bound = try arguments.bind("length", "killwords", "end", "leeway", for: "truncate")
        let length = try bound.integer("length") ?? 255
        let end = bound.given("end") ?? .string("...")
        let endCount = try requireText(end, for: "truncate").unicodeScalars.count
        let leeway = try bound.integer("leeway") ?? 5
        guard length >= endCount else {
            throw TemplateError("'truncate' needs a length of at least \(endCount), that of its end, found \(length)")
        }
        guard leeway >= 0 else { throw TemplateError("'truncate' needs a leeway of at least 0, found \(leeway)") }
        let (longest, overflow) = length.addingReportingOverflow(leeway)
        let count = try self.length(of: value)
        if overflow || count <= longest { return value }
        let scalars = Array(try requireText(value, for: "truncate").unicodeScalars)
        var kept = scalars[..<min(scalars.count, length - endCount)]
        if !bound.flag("killwords"), let space = kept.lastIndex(of: " ") { kept = kept[..<space] }
        return try calculate(makeText(Text.string(of: kept), isMarkup: value.isMarkup), .add, end)
    }

    private func wrap(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let text = try requireText(value, for: "wordwrap")
        let bound = try arguments.bind(
            "width", "break_long_words", "wrapstring", "break_on_hyphens", for: "wordwrap")
        let width = try bound.integer("width") ?? 79
        let separator = try bound.string("wrapstring") ?? "\n"
        let lines = Text.lines(text)
        guard width > 0 || lines.isEmpty else {
            throw TemplateError("'wordwrap' needs a width of at least 1, found \(width)")
        }
        let wrapper = LineWrapper(
            width: width, breaksLongWords: bound.flag("break_long_words", default: true),
            breaksOnHyphens: bound.flag("break_on_hyphens", default: true))
        try charge(text.utf8.count / 16)
        var result = LimitedText(limits)
        for (index, line) in lines.enumerated() {
            if index > 0 { try result.append(separator) }
            for (row, piece) in wrapper.wrap(line).enumerated() {
                try charge(1)
                if row > 0 { try result.append(separator) }
                try result.append(piece)
            }
        }
        return try makeText(result.text)
    }

    enum Alignment {
        case left, right, center
    }

    /// A text between fill characters, as wide as asked for; an error if that is too long.
    func pad(_ text: String, to width: Int, with fill: String, _ alignment: Alignment) throws(TemplateError) -> String {
        let count = text.unicodeScalars.count
        guard width > count else { return text }
        let missing = width - count
        let (size, overflow) = missing.multipliedReportingOverflow(by: fill.utf8.count)
        guard !overflow, size <= limits.textBytes, size + text.utf8.count <= limits.textBytes else {
            throw limits.tooLong
        }
        try charge(missing / 256)
        let left: Int
        switch alignment {
        case .left: left = 0
        case .right: left = missing
        // Python puts the odd one to the left if the width is odd.
        case .center: left = missing / 2 + (missing & width & 1)
        }
        return String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left)
    }
}
