import Jinja

// What the library gives to a template and gets back from it: JSON values, messages, errors.

extension Value {
    /// A JSON value. An object has no order, so the keys come in the order of their code points.
    ///
    /// - Throws: `TemplateError` if the value nests too deeply or is too large.
    init(_ json: JSONValue) throws(TemplateError) {
        try self.init(json, depth: 0)
    }

    private init(_ json: JSONValue, depth: Int) throws(TemplateError) {
        guard depth <= Limits.valueDepth else { throw Limits.tooDeep }
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .double(let number): self = .float(number)
        case .string(let text): self = .string(text)
        case .array(let items):
            var elements: [Value] = []
            elements.reserveCapacity(items.count)
            for item in items { elements.append(try Value(item, depth: depth + 1)) }
            self = try .makeList(elements)
        case .object(let members):
            var mapping = Mapping()
            // The order of UTF-8 bytes is that of code points. Swift's own order of strings is another one.
            for (key, member) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                try mapping.set(Value(member, depth: depth + 1), for: .string(key))
            }
            self = .dict(mapping)
        }
    }

    /// The list of a conversation's messages, each a dictionary with `role` and `content` in this order, which shows
    /// when a template prints a message as a whole.
    init(_ messages: [ChatMessage]) throws(TemplateError) {
        var elements: [Value] = []
        for message in messages {
            var members = Mapping()
            try members.set(.string(message.role), for: .string("role"))
            try members.set(.string(message.content), for: .string("content"))
            elements.append(.dict(members))
        }
        self = try .makeList(elements)
    }
}

extension OuroError {
    /// What is wrong with a template of this file.
    init(_ error: TemplateError, file: String?) {
        self.init(.invalidTemplate, file: file, field: error.line.map { "line \($0)" }, error.message)
    }
}
