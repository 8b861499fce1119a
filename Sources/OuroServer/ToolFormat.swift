import Ouro

/// The form in which a model writes its calls.
struct ToolFormat: Sendable, Equatable {
    enum Style: Sendable, Equatable {
        /// `<tool_call>{"name": "f", "arguments": {...}}</tool_call>`
        case json
        /// `<tool_call><function=f><parameter=a>1</parameter></function></tool_call>`
        case xml
        /// `{"name": "f", "arguments": {...}}` and nothing else.
        case bare
    }

    static let opening = "<tool_call>"
    static let closing = "</tool_call>"

    var style: Style
    /// The name of the member that has the arguments: some templates say `parameters`.
    var argumentsKey = "arguments"
    /// Whether the template renders tools. If not, a default text tells the model about them.
    var isInTemplate: Bool
    /// The ids of the marks, if they are special tokens. A special token has no visible text.
    var marks: Marks?

    struct Marks: Sendable, Equatable {
        var opening: Int
        var closing: Int
    }

    /// Chooses the form by the text of the model's template and by its tokens.
    ///
    /// - Parameters:
    ///   - template: the chat template.
    ///   - tokenizer: the tokenizer.
    ///   - arguments: the arguments of the template. Templates that know both forms read `tool_call_format`.
    init(template: ChatTemplate, tokenizer: Tokenizer?, arguments: JSONObject) {
        isInTemplate = template.mentions("tools")
        let hasMarks = template.mentions(Self.opening)
        if !isInTemplate {
            style = .json
        } else if template.mentions("<function="), arguments["tool_call_format"] != .string("json") {
            style = .xml
        } else {
            style = hasMarks ? .json : .bare
        }
        if isInTemplate, !template.mentions("\"arguments\""), template.mentions("\"parameters\":") {
            argumentsKey = "parameters"
        }
        if style != .bare, let tokenizer, let opening = tokenizer.id(of: Self.opening),
            let closing = tokenizer.id(of: Self.closing), tokenizer.isSpecial(opening), tokenizer.isSpecial(closing)
        {
            marks = Marks(opening: opening, closing: closing)
        }
    }

    /// Where the calls of an answer begin, for stop strings.
    var callMark: AnswerSections.CallMark {
        if style == .bare { return .leadingBrace }
        return marks.map { .token($0.opening) } ?? .text(Self.opening)
    }
}

extension ToolFormat {
    /// Tells the model about the tools: as the template's variable `tools`, or in the system message of a template that
    /// never mentions them.
    ///
    /// - Parameters:
    ///   - messages: the conversation. Calls and their results become text if the template does not know them.
    ///   - tools: the tools. Empty if the model must not call any.
    ///   - arguments: the arguments of the template.
    func describe(_ tools: [Tool], in messages: inout [ChatMessage], arguments: inout JSONObject) {
        guard !isInTemplate else {
            if !tools.isEmpty { arguments["tools"] = .array(tools.map(\.json)) }
            return
        }
        messages = Self.asText(messages)
        guard !tools.isEmpty else { return }
        let text = Self.defaultText(tools)
        if let first = messages.first, first.role == "system" || first.role == "developer" {
            messages[0].content = first.content.isEmpty ? text : first.content + "\n\n" + text
        } else {
            messages.insert(ChatMessage(role: "system", content: text), at: 0)
        }
    }

    /// The text that tells the model about its tools, for templates that never mention them.
    static func defaultText(_ tools: [Tool]) -> String {
        """
        You can call functions. Each line is one function as JSON, with a schema of its arguments:
        <tools>
        \(tools.map(\.json.text).joined(separator: "\n"))
        </tools>
        To call a function, write its name and its arguments as JSON between these marks:
        \(opening)
        {"name": "FUNCTION", "arguments": {"ARGUMENT": "VALUE"}}
        \(closing)
        """
    }

    /// Writes calls into the text of the assistant's messages, and their results into the user's messages.
    private static func asText(_ messages: [ChatMessage]) -> [ChatMessage] {
        var result: [ChatMessage] = []
        var isResult = false
        for var message in messages {
            for call in message.toolCalls ?? [] {
                if !message.content.isEmpty { message.content += "\n" }
                message.content +=
                    "\(opening)\n{\"name\": \(JSONText.quote(call.name)), \"arguments\": \(call.arguments)}\n\(closing)"
            }
            message.toolCalls = nil
            guard message.role == "tool" else {
                result.append(message)
                isResult = false
                continue
            }
            let text = "<tool_response>\n\(message.content)\n</tool_response>"
            if isResult {
                result[result.count - 1].content += "\n" + text
            } else {
                result.append(ChatMessage(role: "user", content: text))
            }
            isResult = true
        }
        return result
    }
}
