import Foundation
import Ouro

/// One line of a JSONL file of training data. Unknown members are ignored.
enum DataRecord: Equatable {
    /// `{"text": ...}`
    case text(String)
    /// `{"prompt": ..., "completion": ...}`
    case completion(prompt: String, completion: String)
    /// `{"messages": [{"role": ..., "content": ...}, ...]}`
    case conversation([ChatMessage])

    /// Parses a line.
    ///
    /// - Throws: `OuroError` with code `invalidData` that names the file and the line.
    init(_ data: Data, file: String, line: Int) throws(OuroError) {
        let fields = try Fields(parsing: data, source: .init(code: .invalidData, file: file, line: line))
        let (text, messages) = (try fields.string("text"), try fields.objects("messages"))
        let (prompt, completion) = (try fields.string("prompt"), try fields.string("completion"))
        switch (text, prompt, completion, messages) {
        case (let text?, nil, nil, nil):
            self = .text(text)
        case (nil, let prompt?, let completion?, nil):
            guard !prompt.isEmpty else {
                throw fields.failure("prompt", "the prompt is empty; use 'text' instead")
            }
            guard !completion.isEmpty else {
                throw fields.failure("completion", "the completion is empty; remove the line")
            }
            self = .completion(prompt: prompt, completion: completion)
        case (nil, nil, nil, let messages?):
            var conversation: [ChatMessage] = []
            for message in messages {
                guard !message.has("tool_calls") else {
                    throw message.failure("tool_calls", "tool calls are not supported; remove the line")
                }
                conversation.append(
                    ChatMessage(
                        role: try message.required("role", message.string("role")),
                        content: try message.required("content", message.string("content"))))
            }
            self = .conversation(conversation)
        default:
            throw OuroError(
                .invalidData, file: file, field: "line \(line)",
                "expected exactly one of: 'text'; 'prompt' and 'completion'; 'messages'")
        }
    }
}
