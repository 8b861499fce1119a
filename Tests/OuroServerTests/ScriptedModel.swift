import Foundation
import Testing

@testable import Ouro
@testable import OuroServer

/// A model that wants to write a given text: for what a trained model cannot be made to do.
///
/// Its tokenizer has one token for each byte, and special tokens in place of some control bytes. Every prompt ends
/// with the byte 7. What follows it comes from a script, unless a constraint forbids it.
struct ScriptedModel {
    /// The special tokens: they take the place of the bytes from 2 on.
    static let marks = ["<|im_end|>", "<think>", "</think>"]
    static let end = 2
    static let opening = 3
    static let closing = 4
    static let toolMarks = ["<tool_call>", "</tool_call>"]

    /// A template of messages. It prints tools and calls as models do.
    static let template = """
        {%- if tools %}{% for tool in tools %}T:{{ tool | tojson }};{% endfor %}{% endif -%}
        {%- for message in messages -%}
        [{{ message.role }}|{{ message.content or '' }}
        {%- for call in message.tool_calls or [] -%}
        <tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>
        {%- endfor -%}
        ]
        {%- endfor -%}
        {%- if add_generation_prompt %}\u{7}{% if enable_thinking %}<think>{% endif %}{% endif -%}
        """

    /// Text to tokens. Marks become single tokens.
    static func tokens(_ text: String, hasToolMarks: Bool = false) -> [Int] {
        var rest = text[...]
        var result: [Int] = []
        let known = marks + (hasToolMarks ? toolMarks : [])
        while let first = rest.first {
            if let index = known.firstIndex(where: { rest.hasPrefix($0) }) {
                result.append(index + 2)
                rest = rest.dropFirst(known[index].count)
            } else {
                result += String(first).utf8.map(Int.init)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// Makes an engine whose model wants to write a text.
    static func engine(
        _ text: String, template: String = template, hasToolMarks: Bool = false, contextLength: Int = 4096
    ) throws -> Engine {
        let wanted = tokens(text, hasToolMarks: hasToolMarks)
        let configuration = ModelConfiguration(
            vocabularySize: 256, hiddenSize: 16, intermediateSize: 16, layerCount: 1, headCount: 1,
            contextLength: contextLength, loops: 2, eosTokenIDs: [end])
        let tokenizer = try tokenizer(marks + (hasToolMarks ? toolMarks : []))
        return Engine(
            configuration: configuration, tokenizer: tokenizer,
            chatTemplate: try ChatTemplate(source: template), options: EngineOptions(threads: 1)
        ) {
            WantingDevice(configuration) { tokens in
                // A thought that the template opens is part of the prompt.
                let answer = tokens.suffix(from: (tokens.lastIndex(of: 7) ?? -1) + 1)
                let generated = answer.count - (answer.first == opening && wanted.first != opening ? 1 : 0)
                return wanted.indices.contains(generated) ? wanted[generated] : end
            }
        }
    }

    /// The tokenizer of the fixture, with special tokens in place of the bytes from 2 on.
    private static func tokenizer(_ marks: [String]) throws -> Tokenizer {
        let file = TestServer.model.appendingPathComponent("tokenizer.json")
        guard
            var json = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any],
            var model = json["model"] as? [String: Any], var vocabulary = model["vocab"] as? [String: Int]
        else { throw OuroError(.invalidData, "the fixture's tokenizer has another form") }
        var added: [[String: Any]] = []
        for (index, mark) in marks.enumerated() {
            let old = vocabulary.filter { $0.value == index + 2 }.map(\.key)
            for name in old { vocabulary[name] = nil }
            vocabulary[mark] = index + 2
            added.append([
                "id": index + 2, "content": mark, "special": true, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false,
            ])
        }
        model["vocab"] = vocabulary
        json["model"] = model
        json["added_tokens"] = added
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("ouro-\(UUID().uuidString).json")
        try JSONSerialization.data(withJSONObject: json).write(to: place)
        defer { try? FileManager.default.removeItem(at: place) }
        return try Tokenizer(contentsOf: place)
    }
}

/// A device without matrices. The next token comes from a script. Where a constraint forbids it, the model ends strings,
/// objects and numbers as soon as it can.
private final class WantingDevice: PassDevice {
    let layout: KVLayout
    let name = "scripted"
    let policies: Set<KVPolicy> = [.full]
    private let script: @Sendable ([Int]) -> Int
    private let vocabularySize: Int
    private let reader: LogitReader

    private var blocks: [BlockID: [Int]] = [:]
    private var blockCount = 0
    private var tables: [TableID: [[BlockID?]]] = [:]
    private var tableCount = 0
    private var hidden: [SlotID: [Int]] = [:]

    init(_ configuration: ModelConfiguration, script: @escaping @Sendable ([Int]) -> Int) {
        layout = KVLayout(configuration, type: .f32)
        vocabularySize = configuration.vocabularySize
        reader = LogitReader(kernels: .portable, threads: 1, vocabularySize: configuration.vocabularySize)
        self.script = script
    }

    func makeBlock(_ kind: BlockKind) -> BlockID {
        blockCount += 1
        blocks[BlockID(blockCount)] = Array(repeating: -1, count: KVLayout.positionsPerBlock)
        return BlockID(blockCount)
    }

    func makeTable(pages: Int, loops: Int, policy: KVPolicy) -> TableID {
        tableCount += 1
        tables[TableID(tableCount)] = Array(repeating: Array(repeating: nil, count: pages), count: loops)
        return TableID(tableCount)
    }

    func free(_ block: BlockID) { blocks[block] = nil }
    func free(_ table: TableID) { tables[table] = nil }
    func set(_ table: TableID, page: Int, loop: Int, to block: BlockID?) { tables[table]?[loop][page] = block }
    func set(_ table: TableID, mode: TableMode) {}
    func reserveSlots(_ count: Int) {}
    func collapse(_ collapse: Collapse) { Issue.record("the scripted device collapses nothing") }
    func storeMean(of table: TableID, position: Int, loops: Int) { Issue.record("it has no averages") }
    func seconds(rows: Int) -> Double { 1 }

    private func place(_ row: Row, _ position: Int) -> (block: BlockID, offset: Int)? {
        let (page, offset) = position.quotientAndRemainder(dividingBy: KVLayout.positionsPerBlock)
        return tables[row.table]?[Int(row.loop) - 1][page].map { ($0, offset) }
    }

    func run(_ rows: [Row], outcomes: inout [RowOutcome]) {
        outcomes.removeAll()
        for row in rows {
            if let (block, offset) = place(row, Int(row.position)) { blocks[block]?[offset] = Int(row.token) }
        }
        for row in rows {
            hidden[row.slot] = (0...Int(row.position)).map { position in
                place(row, position).flatMap { blocks[$0.block]?[$0.offset] } ?? -1
            }
            outcomes.append(RowOutcome(gateLogit: 0, change: 0))
        }
    }

    func readOut(_ readouts: [Readout], results: inout [ReadoutResult]) {
        let scratch = FloatRows(rows: 1, columns: vocabularySize)
        results = readouts.map { readout in
            let wanted = script(hidden[readout.slot] ?? [])
            for token in 0..<vocabularySize { scratch.row(0)[token] = -Float(token) / 1000 }
            for (rank, byte) in "\"}]1,:".utf8.enumerated() { scratch.row(0)[Int(byte)] = 3 - Float(rank) / 10 }
            scratch.row(0)[wanted] = 10
            return reader.read(
                UnsafeMutableBufferPointer(start: scratch.row(0), count: vocabularySize), readout)
        }
    }
}

extension RouterClient {
    /// Runs `body` with a server whose model wants to write a text.
    static func scripted<Value: Sendable>(
        _ text: String, template: String = ScriptedModel.template, hasToolMarks: Bool = false,
        contextLength: Int = 4096, _ change: (inout ServerOptions) -> Void = { _ in },
        _ body: (RouterClient) async throws -> Value
    ) async throws -> Value {
        var options = ServerOptions()
        change(&options)
        let engine = try ScriptedModel.engine(
            text, template: template, hasToolMarks: hasToolMarks, contextLength: contextLength)
        let server = try Server(engine: engine, modelName: "scripted", options: options, logger: TestServer.quiet)
        return try await body(RouterClient(server, engine))
    }
}

/// A chat's answer, read from a whole response or from the chunks of a stream.
struct ChatAnswer: Equatable {
    var content = ""
    var hasContent = false
    var reasoning = ""
    var calls: [[String]] = []
    var finishReason = ""

    init(whole: [String: Any]) throws {
        let choice = try #require((whole["choices"] as? [[String: Any]])?.first, "\(whole)")
        let message = try #require(choice["message"] as? [String: Any])
        add(message, calls: (message["tool_calls"] as? [[String: Any]] ?? []).enumerated().map { ($0, $1) })
        finishReason = choice["finish_reason"] as? String ?? ""
    }

    init(chunks: [[String: Any]]) throws {
        for chunk in chunks {
            for choice in chunk["choices"] as? [[String: Any]] ?? [] {
                let delta = try #require(choice["delta"] as? [String: Any])
                let calls = delta["tool_calls"] as? [[String: Any]] ?? []
                add(delta, calls: try calls.map { (try #require($0["index"] as? Int), $0) })
                finishReason = choice["finish_reason"] as? String ?? finishReason
            }
        }
    }

    private mutating func add(_ message: [String: Any], calls more: [(Int, [String: Any])]) {
        if let text = message["content"] as? String, !text.isEmpty { (content, hasContent) = (content + text, true) }
        reasoning += message["reasoning_content"] as? String ?? ""
        for (index, call) in more {
            let function = call["function"] as? [String: Any]
            if index == calls.count { calls.append([function?["name"] as? String ?? "", ""]) }
            if calls.indices.contains(index) { calls[index][1] += function?["arguments"] as? String ?? "" }
        }
    }
}

extension TestClient {
    /// Sends a chat twice, whole and streamed, and checks that both give the same.
    func chat(_ fields: String, user: String = "hi") async throws -> ChatAnswer {
        let body = #"{"messages":[{"role":"user","content":"\#(user)"}],"temperature":0,\#(fields)"#
        let answer = try await post("/v1/chat/completions", body + "}")
        #expect(answer.status == 200, "\(answer.body)")
        let whole = try ChatAnswer(whole: answer.json())
        let events = try await post("/v1/chat/completions", body + ",\"stream\":true}").events()
        let streamed = try ChatAnswer(chunks: events)
        #expect(whole == streamed)
        return whole
    }
}
