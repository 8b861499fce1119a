import Foundation
import Ouro
import Synchronization

/// Formats the answer to `/v1/responses`: a list of items, or events with sequence numbers.
final class ResponseCall: ResponseFormatter {
    private struct State {
        var progress: AnswerProgress
        var sequence = 0
    }

    private let service: GenerationService
    private let run: ChatRun
    private let conversation: Conversation
    private let id = "resp_" + ResponseCall.random()
    /// The ids of items, by their place. Whole answers and streams make them in the same way.
    private let itemSeed = ResponseCall.random()
    private let created = Int(Date().timeIntervalSince1970)
    /// The members of the response that repeat the request.
    private let repeated: [(String, JSONOutput)]
    private let state: Mutex<State>

    init(service: GenerationService, conversation: Conversation, run: ChatRun, fields: RequestFields) {
        (self.service, self.conversation, self.run) = (service, conversation, run)
        state = Mutex(State(progress: AnswerProgress(parser: run.parser)))
        func value(_ name: String, _ other: JSONOutput) -> JSONOutput { fields[name].map { .value($0) } ?? other }
        let sampling = conversation.sampling.sampling
        repeated = [
            ("instructions", value("instructions", .null)), ("max_output_tokens", value("max_output_tokens", .null)),
            ("metadata", value("metadata", .members([]))),
            ("parallel_tool_calls", .bool(conversation.tools.isParallel)), ("previous_response_id", .null),
            (
                "reasoning",
                .object(["effort": conversation.thinking.effort.map { .string($0) } ?? .null, "summary": .null])
            ),
            ("store", .bool(false)), ("temperature", .float(sampling.temperature)),
            ("text", value("text", .object(["format": .object(["type": .string("text")])]))),
            ("tool_choice", value("tool_choice", .string("auto"))), ("tools", value("tools", .array([]))),
            ("top_p", .float(sampling.topP)), ("truncation", .string("disabled")), ("user", value("user", .null)),
        ]
    }

    private static func random() -> String { UUID().uuidString.replacing("-", with: "").lowercased() }

    // MARK: the response

    private func response(_ status: String, _ output: [JSONOutput], usage: Usage?) -> JSONOutput {
        let details: JSONOutput =
            status == "incomplete" ? .object(["reason": .string("max_output_tokens")]) : .null
        var members: [(String, JSONOutput)] = [
            ("id", .string(id)), ("object", .string("response")), ("created_at", .int(created)),
            ("status", .string(status)), ("background", .bool(false)), ("error", .null),
            ("incomplete_details", details), ("model", .string(service.modelName)), ("output", .array(output)),
        ]
        members += repeated
        members.append(
            (
                "usage",
                usage.map { usage in
                    .object([
                        "input_tokens": .int(usage.promptTokens),
                        "input_tokens_details": .object(["cached_tokens": .int(usage.cachedTokens)]),
                        "output_tokens": .int(usage.completionTokens),
                        "output_tokens_details": .object(["reasoning_tokens": .int(usage.reasoningTokens)]),
                        "total_tokens": .int(usage.promptTokens + usage.completionTokens),
                    ])
                } ?? .null
            ))
        return .members(members)
    }

    private func status(_ progress: AnswerProgress) -> String {
        progress.last?.finishReason == .stop ? "completed" : "incomplete"
    }

    private func part(_ block: AnswerBlock) -> JSONOutput {
        switch block {
        case .reasoning(let text): .object(["type": .string("reasoning_text"), "text": .string(text)])
        case .text(let text):
            .object([
                "type": .string("output_text"), "text": .string(text), "annotations": .array([]),
                "logprobs": .array([]),
            ])
        case .call: .null
        }
    }

    private func itemID(_ index: Int, _ block: AnswerBlock) -> String {
        let prefix =
            switch block {
            case .reasoning: "rs_"
            case .text: "msg_"
            case .call: "fc_"
            }
        return prefix + itemSeed + "\(index)"
    }

    /// - Parameters:
    ///   - status: `in_progress`, `completed` or `incomplete`. An item in progress has no content yet.
    private func item(_ index: Int, _ block: AnswerBlock, _ status: String) -> JSONOutput {
        let isEmpty = status == "in_progress"
        var members: [(String, JSONOutput)] = [("id", .string(itemID(index, block)))]
        switch block {
        case .reasoning:
            members += [
                ("type", .string("reasoning")), ("summary", .array([])),
                ("content", .array(isEmpty ? [] : [part(block)])),
            ]
        case .text:
            members += [
                ("type", .string("message")), ("role", .string("assistant")),
                ("content", .array(isEmpty ? [] : [part(block)])),
            ]
        case .call(let call):
            members += [
                ("type", .string("function_call")), ("call_id", .string(call.id)), ("name", .string(call.name)),
                ("arguments", .string(isEmpty ? "" : call.arguments)),
            ]
        }
        return .members(members + [("status", .string(status))])
    }

    private func items(_ progress: AnswerProgress) -> [JSONOutput] {
        let last = progress.blocks.blocks.count - 1
        return progress.blocks.blocks.enumerated().map { index, block in
            item(index, block, index == last ? status(progress) : "completed")
        }
    }

    func whole(_ results: [ChoiceResult], usage: Usage) async throws -> JSONOutput {
        let progress = AnswerProgress.whole(results.first?.tokens ?? [], parser: run.parser)
        var usage = usage
        usage.reasoningTokens = progress.parser.reasoningTokens
        return response(status(progress), items(progress), usage: usage)
    }

    // MARK: the stream

    var framing: EventFraming {
        .named { error in
            .members([
                ("type", .string("error")), ("code", .string(error.code ?? "server_error")),
                ("message", .string(error.message)), ("param", error.parameter.map { .string($0) } ?? .null),
                ("sequence_number", .int(self.state.withLock { $0.sequence })),
            ])
        }
    }

    private func event(_ type: String, _ members: [(String, JSONOutput)], _ state: inout State) -> JSONOutput {
        defer { state.sequence += 1 }
        return .members([("type", .string(type))] + members + [("sequence_number", .int(state.sequence))])
    }

    func opening() -> [JSONOutput] {
        state.withLock { state in
            ["response.created", "response.in_progress"].map {
                event($0, [("response", response("in_progress", [], usage: nil))], &state)
            }
        }
    }

    func chunks(_ index: Int, _ token: GeneratedToken, isFirst: Bool) -> [JSONOutput] {
        state.withLock { state in
            var steps: [(AnswerBlocks, BlockStep)] = []
            state.progress.add(token) { steps.append(($0, $1)) }
            return steps.flatMap { events($0, $1, "completed", &state) }
        }
    }

    func closing(_ usage: Usage) -> [JSONOutput] {
        state.withLock { state in
            var steps: [(AnswerBlocks, BlockStep)] = []
            state.progress.blocks.finish { steps.append(($0, $1)) }
            let end = status(state.progress)
            var usage = usage
            usage.reasoningTokens = state.progress.parser.reasoningTokens
            let last = steps.flatMap { events($0, $1, end, &state) }
            let whole = response(end, items(state.progress), usage: usage)
            return last + [event("response." + end, [("response", whole)], &state)]
        }
    }

    private func events(
        _ blocks: AnswerBlocks, _ step: BlockStep, _ status: String, _ state: inout State
    ) -> [JSONOutput] {
        let index: Int
        switch step {
        case .open(let place), .delta(let place, _), .close(let place): index = place
        }
        let block = blocks.blocks[index]
        let place: [(String, JSONOutput)] = [
            ("item_id", .string(itemID(index, block))), ("output_index", .int(index)),
        ]
        let part: [(String, JSONOutput)] = place + [("content_index", .int(0))]
        let output: [(String, JSONOutput)] = [("output_index", .int(index))]
        switch step {
        case .open:
            let added = event(
                "response.output_item.added", output + [("item", item(index, block, "in_progress"))], &state)
            let empty: AnswerBlock
            switch block {
            case .call: return [added]
            case .reasoning: empty = .reasoning("")
            case .text: empty = .text("")
            }
            return [added, event("response.content_part.added", part + [("part", self.part(empty))], &state)]
        case .delta(_, let text):
            let delta = ("delta", JSONOutput.string(text))
            switch block {
            case .reasoning: return [event("response.reasoning_text.delta", part + [delta], &state)]
            case .text:
                return [event("response.output_text.delta", part + [delta, ("logprobs", .array([]))], &state)]
            case .call: return [event("response.function_call_arguments.delta", place + [delta], &state)]
            }
        case .close:
            var ends: [JSONOutput] = []
            switch block {
            case .reasoning(let text):
                ends.append(event("response.reasoning_text.done", part + [("text", .string(text))], &state))
            case .text(let text):
                ends.append(
                    event(
                        "response.output_text.done", part + [("text", .string(text)), ("logprobs", .array([]))], &state)
                )
            case .call(let call):
                ends.append(
                    event(
                        "response.function_call_arguments.done",
                        place + [("name", .string(call.name)), ("arguments", .string(call.arguments))], &state))
            }
            if case .call = block {
            } else {
                ends.append(event("response.content_part.done", part + [("part", self.part(block))], &state))
            }
            return ends + [event("response.output_item.done", output + [("item", item(index, block, status))], &state)]
        }
    }
}
