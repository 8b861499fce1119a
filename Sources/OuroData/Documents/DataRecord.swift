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

    private struct Line: Decodable {
        struct Message: Decodable {
            let role: String
            let content: String
            let tool_calls: JSONValue?
        }

        let text: String?
        let prompt: String?
        let completion: String?
        let messages: [Message]?
    }

    /// Parses a line.
    ///
    /// - Throws: `OuroError` with code `invalidData` that names the file and the line.
    init(_ data: Data, file: String, line: Int) throws(OuroError) {
        func fault(_ field: String?, _ message: String) -> OuroError {
            OuroError(.invalidData, file: file, field: "line \(line)" + (field.map { ": \($0)" } ?? ""), message)
        }
        guard String(validating: data, as: UTF8.self) != nil else {
            throw fault(nil, "expected UTF-8 text, found invalid bytes")
        }
        let record: Line
        do {
            record = try StrictJSON.decode(Line.self, from: data, file: file, code: .invalidData)
        } catch {
            throw fault(error.field, error.message)
        }
        switch (record.text, record.prompt, record.completion, record.messages) {
        case (let text?, nil, nil, nil):
            self = .text(text)
        case (nil, let prompt?, let completion?, nil):
            guard !prompt.isEmpty else { throw fault("prompt", "the prompt is empty; use 'text' instead") }
            guard !completion.isEmpty else { throw fault("completion", "the completion is empty; remove the line") }
            self = .completion(prompt: prompt, completion: completion)
        case (nil, nil, nil, let messages?):
            if let index = messages.firstIndex(where: { $0.tool_calls != nil && $0.tool_calls != .null }) {
                throw fault("messages.\(index).tool_calls", "tool calls are not supported; remove the line")
            }
            self = .conversation(messages.map { ChatMessage(role: $0.role, content: $0.content) })
        default:
            throw fault(
                nil, "expected exactly one of: 'text'; 'prompt' and 'completion'; 'messages'")
        }
    }
}
