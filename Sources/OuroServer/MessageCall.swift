import Foundation
import Ouro
import Synchronization

/// Formats the answer to `/v1/messages`: a message of blocks, or events.
final class MessageCall: ResponseFormatter {
    private let service: GenerationService
    private let run: ChatRun
    private let id = "msg_" + UUID().uuidString.replacing("-", with: "").lowercased()
    private let state: Mutex<AnswerProgress>

    init(service: GenerationService, run: ChatRun) {
        (self.service, self.run) = (service, run)
        state = Mutex(AnswerProgress(parser: run.parser))
    }

    private func message(_ content: [JSONOutput], _ progress: AnswerProgress?, _ usage: JSONOutput) -> JSONOutput {
        .members(
            [
                ("id", .string(id)), ("type", .string("message")), ("role", .string("assistant")),
                ("model", .string(service.modelName)), ("content", .array(content)),
            ] + ending(progress) + [("usage", usage)])
    }

    /// Why the answer ended.
    private func ending(_ progress: AnswerProgress?) -> [(String, JSONOutput)] {
        guard let progress else { return [("stop_reason", .null), ("stop_sequence", .null)] }
        let stop = progress.last?.matchedStop
        let reason =
            switch progress.parser.finishReason(progress.last) {
            case "tool_calls": "tool_use"
            case "stop": stop == nil ? "end_turn" : "stop_sequence"
            default: "max_tokens"
            }
        return [("stop_reason", .string(reason)), ("stop_sequence", stop.map { .string($0) } ?? .null)]
    }

    /// Cached tokens are counted apart, as in Anthropic's API.
    private func usage(_ usage: Usage) -> JSONOutput {
        .object([
            "input_tokens": .int(usage.promptTokens - usage.cachedTokens), "cache_creation_input_tokens": .int(0),
            "cache_read_input_tokens": .int(usage.cachedTokens), "output_tokens": .int(usage.completionTokens),
        ])
    }

    private func callID(_ call: AnsweredCall) -> String { "toolu_" + call.id.trimmingPrefix("call_") }

    private func content(_ block: AnswerBlock) -> JSONOutput {
        switch block {
        case .reasoning(let text):
            return .object(["type": .string("thinking"), "thinking": .string(text), "signature": .string("")])
        case .text(let text): return .object(["type": .string("text"), "text": .string(text)])
        case .call(let call):
            // The arguments of a call that was cut are no JSON.
            let input = (try? JSONValue(parsing: call.arguments)).map { JSONOutput.value($0) } ?? .members([])
            return .object([
                "type": .string("tool_use"), "id": .string(callID(call)), "name": .string(call.name), "input": input,
            ])
        }
    }

    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput {
        let progress = AnswerProgress.whole(results.first?.tokens ?? [], parser: run.parser)
        return message(progress.blocks.blocks.map(content), progress, self.usage(usage))
    }

    var framing: EventFraming { .named { $0.anthropic } }

    func opening() -> [JSONOutput] {
        var usage = Usage()
        usage.promptTokens = run.prompt.tokens.count
        return [
            .members([("type", .string("message_start")), ("message", message([], nil, self.usage(usage)))]),
            .members([("type", .string("ping"))]),
        ]
    }

    func chunks(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> [JSONOutput] {
        state.withLock { progress in
            var events: [JSONOutput] = []
            progress.add(token) { events.append(event($0, $1)) }
            return events
        }
    }

    func closing(_ usage: Usage) -> [JSONOutput] {
        state.withLock { progress in
            var events: [JSONOutput] = []
            progress.blocks.finish { events.append(event($0, $1)) }
            return events + [
                .members([
                    ("type", .string("message_delta")), ("delta", .members(ending(progress))),
                    ("usage", self.usage(usage)),
                ]),
                .members([("type", .string("message_stop"))]),
            ]
        }
    }

    private func event(_ blocks: AnswerBlocks, _ step: BlockStep) -> JSONOutput {
        func event(_ type: String, _ index: Int, _ more: [(String, JSONOutput)]) -> JSONOutput {
            .members([("type", .string(type)), ("index", .int(index))] + more)
        }
        switch step {
        case .open(let index):
            let empty: AnswerBlock
            switch blocks.blocks[index] {
            case .reasoning: empty = .reasoning("")
            case .text: empty = .text("")
            case .call(let call): empty = .call(AnsweredCall(id: call.id, name: call.name))
            }
            return event("content_block_start", index, [("content_block", content(empty))])
        case .delta(let index, let text):
            let (type, name) =
                switch blocks.blocks[index] {
                case .reasoning: ("thinking_delta", "thinking")
                case .text: ("text_delta", "text")
                case .call: ("input_json_delta", "partial_json")
                }
            return event(
                "content_block_delta", index,
                [("delta", .members([("type", .string(type)), (name, .string(text))]))])
        case .close(let index): return event("content_block_stop", index, [])
        }
    }
}

extension APIError {
    /// The error in the form of Anthropic's API.
    var anthropic: JSONOutput {
        let type =
            switch status.code {
            case 401: "authentication_error"
            case 403: "permission_error"
            case 404: "not_found_error"
            case 413: "request_too_large"
            case 429: "rate_limit_error"
            case 503: "overloaded_error"
            case 500...: "api_error"
            default: "invalid_request_error"
            }
        return .members([
            ("type", .string("error")),
            ("error", .object(["type": .string(type), "message": .string(message)])),
        ])
    }

    /// Whether a path belongs to Anthropic's API.
    static func isAnthropic(_ path: String) -> Bool { path == "/v1/messages" || path.hasPrefix("/v1/messages/") }
}
