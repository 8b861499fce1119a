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
            if let name = message.name { try members.set(.string(name), for: .string("name")) }
            if let reasoning = message.reasoning {
                try members.set(.string(reasoning), for: .string("reasoning_content"))
            }
            if let calls = message.toolCalls {
                // Templates expect the arguments as an object. As in OpenAI's API, a message that only calls has none.
                if message.content.isEmpty { try members.set(.none, for: .string("content")) }
                try members.set(.makeList(try calls.map(Self.call)), for: .string("tool_calls"))
            }
            if let id = message.toolCallID { try members.set(.string(id), for: .string("tool_call_id")) }
            elements.append(.dict(members))
        }
        self = try .makeList(elements)
    }

    /// Converts a call. Arguments that are no JSON stay a string.
    private static func call(_ call: ChatToolCall) throws(TemplateError) -> Value {
        var function = Mapping()
        try function.set(.string(call.name), for: .string("name"))
        if let arguments = try? JSONValue(parsing: call.arguments) {
            try function.set(Value(arguments), for: .string("arguments"))
        } else {
            try function.set(.string(call.arguments), for: .string("arguments"))
        }
        var members = Mapping()
        try members.set(.string(call.id), for: .string("id"))
        try members.set(.string("function"), for: .string("type"))
        try members.set(.dict(function), for: .string("function"))
        return .dict(members)
    }
}

extension OuroError {
    /// Converts an error of a template. `file` is the path of the template.
    init(_ error: TemplateError, file: String?) {
        self.init(.invalidTemplate, file: file, field: error.line.map { "line \($0)" }, error.message)
    }
}
