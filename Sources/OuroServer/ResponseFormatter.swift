import Ouro

/// Formats generated tokens as an endpoint's responses.
protocol ResponseFormatter: Sendable {
    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput
    /// The events of a stream before its first token.
    func opening() -> [JSONOutput]
    /// The events of one token of a stream.
    func chunks(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> [JSONOutput]
    /// The events of a stream after its last token.
    func closing(_ usage: Usage) -> [JSONOutput]
    /// The form of the stream's events.
    var framing: EventFraming { get }
}

extension ResponseFormatter {
    func opening() -> [JSONOutput] { [] }
    var framing: EventFraming { .openAI }
}

/// The form of the events of a stream.
struct EventFraming: Sendable {
    /// Makes the lines of one event.
    let event: @Sendable (JSONOutput) -> String
    /// Makes the lines of an error after the status was sent.
    let failure: @Sendable (APIError) -> String
    /// The lines at the end. Nil ends without any.
    let ending: String?

    /// `data:` lines, and `data: [DONE]` at the end.
    static let openAI = EventFraming(
        event: { "data: \($0.text)\n\n" }, failure: { "data: \($0.json.text)\n\n" }, ending: "data: [DONE]\n\n")

    /// `event:` lines with the type of the event, and `data:` lines.
    ///
    /// - Parameters:
    ///   - failure: makes the event of an error.
    static func named(failure: @escaping @Sendable (APIError) -> JSONOutput) -> EventFraming {
        EventFraming(event: named, failure: { named(failure($0)) }, ending: nil)
    }

    private static func named(_ event: JSONOutput) -> String {
        var type = "message"
        if case .members(let members) = event, case .string(let text)? = members.first?.1 { type = text }
        return "event: \(type)\ndata: \(event.text)\n\n"
    }
}
