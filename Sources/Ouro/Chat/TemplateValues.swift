import Jinja

// Conversions between this module and the Jinja module: JSON values, messages and errors.

extension Value {
    /// Converts a JSON value. The members of an object keep their order.
    ///
    /// - Throws: `TemplateError` if the value is too large or too deeply nested.
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
        // Python's integers have any length; these come as close as a double can.
        case .bigInteger(let digits): self = .float(Double(digits) ?? .infinity)
        case .string(let text): self = .string(text)
        case .array(let items):
            var elements: [Value] = []
            elements.reserveCapacity(items.count)
            for item in items { elements.append(try Value(item, depth: depth + 1)) }
            self = try .makeList(elements)
        case .object(let members):
            var mapping = Mapping()
            for (key, member) in members {
                try mapping.set(Value(member, depth: depth + 1), for: .string(key))
            }
            self = .dict(mapping)
        }
    }

    /// Converts the messages of a conversation to a list of dictionaries with `role` and `content`, in this order. The
    /// order is visible when a template prints a whole message.
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
    /// Converts an error of a template. `file` is the path of the template.
    init(_ error: TemplateError, file: String?) {
        self.init(.invalidTemplate, file: file, field: error.line.map { "line \($0)" }, error.message)
    }
}
