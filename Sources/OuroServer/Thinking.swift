import Ouro

/// How long a model may think, and whether the client sees it.
struct Thinking: Sendable {
    /// Whether the model thinks. Nil leaves it to the template.
    var isOn: Bool?
    /// Most tokens of thoughts. Nil sets no limit.
    var budget: Int?
    /// Whether the answer contains the thoughts.
    var isShown = true
    /// The word of the request, for templates that read it.
    var effort: String?

    /// The values of `reasoning_effort` and the budgets that they set.
    static let efforts: [(name: String, budget: Int?)] = [
        ("none", 0), ("minimal", 128), ("low", 1024), ("medium", 4096), ("high", nil),
    ]

    init() {}

    /// Reads `reasoning_effort`, `max_thinking_tokens` and `include_reasoning`.
    ///
    /// - Throws: `APIError` with status 400 for other values, and if the model cannot think.
    init(_ fields: RequestFields, engine: Engine) throws {
        try set(effort: fields.string("reasoning_effort"), engine) { fields.failure("reasoning_effort", $0) }
        isShown = try fields.flag(.includeReasoning) ?? true
        if let given = try fields.integer(.maxThinkingTokens) {
            guard Self.canThink(engine) else { throw fields.failure("max_thinking_tokens", Self.cannotThink) }
            budget = given
        }
        if let flag = (try fields.object("chat_template_kwargs"))?["enable_thinking"], case .bool(let isOn) = flag {
            self.isOn = isOn
        }
    }

    /// Sets the budget of an effort.
    mutating func set(effort: String?, _ engine: Engine, failure: (String) -> APIError) throws {
        guard let effort else { return }
        guard let known = Self.efforts.first(where: { $0.name == effort }) else {
            let names = Self.efforts.map(\.name).joined(separator: ", ")
            throw failure("expected one of \(names), found '\(effort.prefix(40))'")
        }
        guard effort == "none" || Self.canThink(engine) else { throw failure(Self.cannotThink) }
        self.effort = effort
        isOn = effort != "none"
        if Self.canThink(engine) { budget = known.budget }
    }

    static func canThink(_ engine: Engine) -> Bool { ReasoningParts.Marks(engine.tokenizer) != nil }

    static let cannotThink = "the model has no tokens <think> and </think>, so it cannot think; leave the field out"

    /// Sets the template's variables. Those of the request come first.
    func set(in arguments: inout JSONObject, template: ChatTemplate) {
        if let isOn, arguments["enable_thinking"] == nil { arguments["enable_thinking"] = .bool(isOn) }
        if let effort, arguments["reasoning_effort"] == nil, template.mentions("reasoning_effort") {
            arguments["reasoning_effort"] = .string(effort)
        }
    }
}
