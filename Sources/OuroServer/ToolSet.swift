import Ouro
import OuroConstraints

/// One function that a model may call.
struct Tool: Sendable {
    var name: String
    /// The tool as the template gets it, in OpenAI's form: `{"type": "function", "function": {...}}`.
    var json: JSONValue
    /// The schema of the arguments.
    var parameters: JSONValue
    /// The names of the parameters in the order of the request.
    var parameterNames: [String]
    /// The field of the request that has the schema, for errors.
    var field: String
}

/// The functions of a request, and which of them must be called.
struct ToolSet: Sendable {
    enum Choice: Sendable, Equatable {
        /// The model calls nothing.
        case none
        /// The model decides.
        case auto
        /// The model calls at least one function.
        case required
        /// The model calls this function, once.
        case named(String)
    }

    static let limit = 128

    var tools: [Tool] = []
    var choice = Choice.none
    /// Whether one answer may have several calls.
    var isParallel = true

    /// Whether the model can call something.
    var isActive: Bool { !tools.isEmpty && choice != .none }
    /// Whether the answer must be a call.
    var isRequired: Bool {
        switch choice {
        case .none, .auto: false
        case .required, .named: !tools.isEmpty
        }
    }

    /// The tools that may be called.
    var callable: [Tool] {
        if case .named(let name) = choice {
            tools.filter { $0.name.hasSameBytes(as: name) }
        } else {
            isActive ? tools : []
        }
    }

    /// Whether the answer may have more than one call.
    var allowsSeveralCalls: Bool { if case .named = choice { false } else { isParallel } }

    /// Checks the names and the choice.
    ///
    /// - Parameters:
    ///   - choiceField: the field that has the choice, for errors.
    ///   - nameField: the last part of the field that has a tool's name.
    func validate(choiceField: String, nameField: String) throws {
        var seen: Set<ExactString> = []
        for (index, tool) in tools.enumerated() {
            let field = "tools[\(index)].\(nameField)"
            let isName = tool.name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || [0x5F, 0x2D, 0x2E].contains($0)
            }
            guard isName, (1...64).contains(tool.name.utf8.count) else {
                throw APIError.badRequest(
                    field,
                    "\(field): expected 1 to 64 letters, digits, '_', '-' or '.', found '\(tool.name.prefix(70))'")
            }
            guard seen.insert(ExactString(tool.name)).inserted else {
                throw APIError.badRequest(
                    field, "\(field): '\(tool.name)' is the name of an earlier tool; choose another")
            }
        }
        switch choice {
        case .none, .auto: break
        case .required:
            guard !tools.isEmpty else {
                throw APIError.badRequest(choiceField, "\(choiceField): 'required' needs tools")
            }
        case .named(let name):
            guard tools.contains(where: { $0.name.hasSameBytes(as: name) }) else {
                throw APIError.badRequest(
                    choiceField, "\(choiceField): there is no tool '\(name.prefix(70))' in tools")
            }
        }
    }
}

extension ToolSet {
    /// Reads `tools`, `tool_choice` and `parallel_tool_calls` of a chat in OpenAI's form.
    init(chat fields: RequestFields) throws {
        for (index, tool) in (try fields.objects("tools", limit: Self.limit) ?? []).enumerated() {
            guard try tool.string("type") ?? "function" == "function", let function = try tool.object("function") else {
                throw tool.failure("type", "expected a tool of type function")
            }
            tools.append(try Tool(function, schema: "parameters", at: "tools[\(index)].function"))
        }
        isParallel = try fields.flag("parallel_tool_calls") ?? true
        choice =
            try Self.choice(fields) { try $0.object("function")?.string("name") } ?? (tools.isEmpty ? .none : .auto)
        try validate(choiceField: "tool_choice", nameField: "function.name")
    }

    /// Reads `tools`, `tool_choice` and `parallel_tool_calls` of a response in OpenAI's form.
    init(responses fields: RequestFields) throws {
        for (index, tool) in (try fields.objects("tools", limit: Self.limit) ?? []).enumerated() {
            let type = try tool.string("type")
            guard type == "function" else {
                throw tool.failure(
                    "type",
                    "expected function, found '\((type ?? "nothing").prefix(40))'; this server has no tools of its own")
            }
            tools.append(try Tool(tool, schema: "parameters", at: "tools[\(index)]"))
        }
        isParallel = try fields.flag("parallel_tool_calls") ?? true
        choice = try Self.choice(fields) { try $0.string("name") } ?? (tools.isEmpty ? .none : .auto)
        try validate(choiceField: "tool_choice", nameField: "name")
    }

    /// Reads `tools` and `tool_choice` in Anthropic's form.
    init(messages fields: RequestFields) throws {
        for (index, tool) in (try fields.objects("tools", limit: Self.limit) ?? []).enumerated() {
            guard try tool.string("type") ?? "custom" == "custom" else {
                throw tool.failure("type", "expected custom; this server has no tools of its own")
            }
            guard tool.has("input_schema") else { throw tool.failure("input_schema", "the field is missing") }
            tools.append(try Tool(tool, schema: "input_schema", at: "tools[\(index)]"))
        }
        choice = tools.isEmpty ? .none : .auto
        if let object = try fields.object("tool_choice") {
            isParallel = !(try object.flag("disable_parallel_tool_use") ?? false)
            switch try object.string("type") {
            case "auto": choice = .auto
            case "any": choice = .required
            case "none": choice = .none
            case "tool":
                guard let name = try object.string("name") else { throw object.failure("name", "the field is missing") }
                choice = .named(name)
            default: throw object.failure("type", "expected auto, any, tool or none")
            }
        }
        try validate(choiceField: "tool_choice", nameField: "name")
    }

    /// Reads `tool_choice`: a word, or an object that names a function.
    private static func choice(
        _ fields: RequestFields, name: (RequestFields) throws -> String?
    ) throws -> Choice? {
        switch fields["tool_choice"] {
        case nil: return nil
        case .string("none")?: return Choice.none
        case .string("auto")?: return .auto
        case .string("required")?: return .required
        case .object?:
            guard let object = try fields.object("tool_choice"), try object.string("type") == "function",
                let name = try name(object)
            else { break }
            return .named(name)
        default: break
        }
        throw fields.failure("tool_choice", "expected none, auto, required, or an object of type function with a name")
    }
}

extension Tool {
    /// Reads a function.
    ///
    /// - Parameters:
    ///   - fields: the function's members: `name`, `description`, and the schema.
    ///   - schema: the name of the member that has the schema.
    ///   - place: the place of the function in the request.
    init(_ fields: RequestFields, schema: String, at place: String) throws {
        guard let name = try fields.string("name") else { throw fields.failure("name", "the field is missing") }
        let description = try fields.string("description")
        // Without a schema the function has no parameters.
        var parameters = JSONValue.object(["type": .string("object"), "properties": .object([:])])
        if let given = fields[schema] {
            guard case .object(let members) = given else {
                throw fields.failure(schema, "expected a JSON schema of an object, found \(given.typeName)")
            }
            parameters = given
            if members["type"] == nil {
                var typed = members
                typed["type"] = .string("object")
                parameters = .object(typed)
            }
        }
        guard parameters["type"] == .string("object") else {
            throw fields.failure(schema, "expected a JSON schema of type object")
        }
        var function: JSONObject = ["name": .string(name)]
        if let description { function["description"] = .string(description) }
        function["parameters"] = parameters
        var json: JSONObject = ["type": .string("function")]
        json["function"] = .object(function)
        var names: [String] = []
        if case .object(let properties)? = parameters["properties"] { names = properties.keys }
        self.init(
            name: name, json: .object(json), parameters: parameters, parameterNames: names,
            field: "\(place).\(schema)")
    }
}

extension RequestFields {
    /// The elements of a list of objects.
    func objects(_ name: String, limit: Int) throws -> [RequestFields]? {
        try objects(name, count: 0...limit)
    }
}
