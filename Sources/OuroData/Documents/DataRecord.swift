import Foundation
import Ouro

/// One line of a JSONL file to train on. Members of other names are passed over.
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

    /// - Throws: ``OuroError`` with code `invalidData` that names file and line.
    init(_ data: Data, file: String, line: Int) throws(OuroError) {
        func fault(_ field: String?, _ message: String) -> OuroError {
            OuroError(.invalidData, file: file, field: "line \(line)" + (field.map { ": \($0)" } ?? ""), message)
        }
        guard String(validating: data, as: UTF8.self) != nil else {
            throw fault(nil, "expected UTF-8 text, found bytes that are not")
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
            guard !prompt.isEmpty else { throw fault("prompt", "it is empty; give such texts as 'text'") }
            guard !completion.isEmpty else { throw fault("completion", "it is empty; there is nothing to learn") }
            self = .completion(prompt: prompt, completion: completion)
        case (nil, nil, nil, let messages?):
            if let index = messages.firstIndex(where: { $0.tool_calls != nil && $0.tool_calls != .null }) {
                throw fault("messages.\(index).tool_calls", "calls of tools are not supported")
            }
            self = .conversation(messages.map { ChatMessage(role: $0.role, content: $0.content) })
        default:
            throw fault(
                nil, "expected either 'text', or 'prompt' and 'completion', or 'messages', and not several of them")
        }
    }
}
