import Ouro

/// A part of an answer, in the order in which the model generates it. Every endpoint formats these events.
enum AnswerEvent: Sendable, Equatable {
    /// More of the thoughts.
    case reasoning(String)
    /// More of the text.
    case text(String)
    /// A call of a function begins.
    case callStart(index: Int, id: String, name: String)
    /// More of the arguments of a call. The parts of a call together are a JSON object.
    case arguments(index: Int, String)
}

/// Turns the tokens of one choice into events.
struct AnswerParser: Sendable {
    private var reasoning: ReasoningParts?
    private var calls: ToolCallParser?
    private let showsReasoning: Bool
    /// The number of tokens that belong to thoughts.
    private(set) var reasoningTokens = 0
    /// The number of calls that have begun.
    private(set) var callCount = 0

    /// - Parameters:
    ///   - reasoning: the state of the thoughts at the beginning. Nil takes thoughts as text.
    ///   - showsReasoning: whether thoughts become events.
    ///   - calls: reads calls from the text. Nil takes calls as text.
    init(reasoning: ReasoningParts?, showsReasoning: Bool = true, calls: ToolCallParser? = nil) {
        (self.reasoning, self.showsReasoning, self.calls) = (reasoning, showsReasoning, calls)
    }

    /// Whether the next token belongs to thoughts.
    var isThinking: Bool { reasoning?.isOpen == true }

    /// The events of the next token.
    mutating func take(_ token: GeneratedToken) -> [AnswerEvent] {
        let isThought = reasoning?.isThought(token.id) == true
        if isThought { reasoningTokens += 1 }
        var events: [AnswerEvent] = []
        if isThought {
            if showsReasoning, !token.text.isEmpty { events.append(.reasoning(token.text)) }
        } else if calls != nil {
            calls?.take(token.text, into: &events)
            calls?.take(mark: token.id)
        } else if !token.text.isEmpty {
            events.append(.text(token.text))
        }
        if token.finishReason != nil { calls?.finish(into: &events) }
        for case .callStart in events { callCount += 1 }
        return events
    }

    /// The finish reason in the words of OpenAI's API.
    func finishReason(_ token: GeneratedToken?) -> String {
        let reason = token?.finishReason?.rawValue ?? "length"
        return callCount > 0 && reason == "stop" ? "tool_calls" : reason
    }
}

/// A call of a function, whole.
struct AnsweredCall: Sendable, Equatable {
    var id: String
    var name: String
    var arguments = ""
}

/// An answer, whole: what its events add up to.
struct WholeAnswer: Sendable, Equatable {
    var reasoning = ""
    var text = ""
    var calls: [AnsweredCall] = []
    var reasoningTokens = 0
    var finishReason = "length"
    /// The stop string that ended the answer.
    var matchedStop: String?

    /// Adds up the events of the tokens of a choice.
    init(_ tokens: [GeneratedToken], parser: AnswerParser) {
        var parser = parser
        for token in tokens {
            for event in parser.take(token) { add(event) }
        }
        reasoningTokens = parser.reasoningTokens
        finishReason = parser.finishReason(tokens.last)
        matchedStop = tokens.last?.matchedStop
    }

    mutating func add(_ event: AnswerEvent) {
        switch event {
        case .reasoning(let more): reasoning += more
        case .text(let more): text += more
        case .callStart(_, let id, let name): calls.append(AnsweredCall(id: id, name: name))
        case .arguments(let index, let more):
            if calls.indices.contains(index) { calls[index].arguments += more }
        }
    }
}
