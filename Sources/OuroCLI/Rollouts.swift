import Foundation
import Ouro

/// Generates several samples for each of many prompts, for reinforcement learning.
///
/// Prompts and results are files of JSON lines. Every result is written when it is complete. The same command continues
/// an interrupted run: it keeps the complete lines of the output, and generates only the missing samples.
struct Rollouts {
    let engine: Engine
    let samples: Int
    /// Makes the request for a prompt and a sample's seed.
    let request: (Prompt, UInt64) -> GenerationRequest
    let seed: UInt64

    /// Concurrent requests. The engine decides which of them share a pass.
    private static let atOnce = 32

    private struct Key: Hashable, Sendable {
        let index: Int
        let sample: Int
    }

    func run(input: String, output: String) async throws {
        let prompts = try Self.prompts(in: input)
        let (done, file) = try Self.open(output)
        defer { try? file.close() }
        let keys = prompts.indices.flatMap { index in (0..<samples).map { Key(index: index, sample: $0) } }
        var waiting = keys.filter { !done.contains($0) }[...]
        let bar = ProgressBar("\(prompts.count) prompts x \(samples)", total: keys.count)
        if waiting.count < keys.count {
            bar.note("\(output) has \(keys.count - waiting.count) of \(keys.count) samples")
        }
        defer { bar.clear() }
        var finished = keys.count - waiting.count
        try await withThrowingTaskGroup(of: String.self) { group in
            func start() {
                guard let key = waiting.popFirst() else { return }
                let own = request(prompts[key.index], seed &+ UInt64(key.index * samples + key.sample))
                group.addTask { [engine] in
                    let stream = try engine.generate(own)
                    let tokens = try await stream.reduce(into: [GeneratedToken]()) { $0.append($1) }
                    return Self.line(key, tokens, promptTokens: stream.promptTokens)
                }
            }
            for _ in 0..<Self.atOnce { start() }
            while let line = try await group.next() {
                try file.write(contentsOf: Data((line + "\n").utf8))
                finished += 1
                bar.show(finished)
                start()
            }
        }
        try file.synchronize()
    }

    private static func line(_ key: Key, _ tokens: [GeneratedToken], promptTokens: Int) -> String {
        let list = tokens.map { token in
            JSONOutput.object([
                "token": .int(token.id), "logprob": .float(token.logProbability),
                "logprobs": .floats(token.loopLogProbabilities), "exit_loop": .int(token.exitLoop),
                "gate": .floats(token.gate),
            ])
        }
        return JSONOutput.object([
            "index": .int(key.index), "sample": .int(key.sample), "prompt_tokens": .int(promptTokens),
            "text": .string(tokens.map(\.text).joined()),
            "finish_reason": tokens.last?.finishReason.map { .string($0.rawValue) } ?? .null, "tokens": .array(list),
        ]).text
    }

    /// Reads prompts from JSON lines with `prompt` (a string), `tokens` (ids) or `messages` (a conversation).
    private static func prompts(in path: String) throws -> [Prompt] {
        let text = Array(try InputText.read(file: path).utf8)
        var prompts: [Prompt] = []
        for (number, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { continue }
            let fields = try Fields(
                parsing: Array(line), source: .init(code: .invalidRequest, file: path, line: number + 1))
            let (text, tokens) = (try fields.string("prompt"), try fields.integers("tokens"))
            switch (text, tokens, try fields.objects("messages")) {
            case (let text?, nil, nil): prompts.append(.text(text))
            case (nil, let tokens?, nil): prompts.append(.tokens(tokens))
            case (nil, nil, let messages?):
                prompts.append(
                    .chat(
                        try messages.map {
                            ChatMessage(
                                role: try $0.required("role", $0.string("role")),
                                content: try $0.required("content", $0.string("content")))
                        }))
            default:
                throw OuroError(
                    .invalidRequest, file: path, field: "line \(number + 1)",
                    "expected one of 'prompt', 'tokens' and 'messages'")
            }
        }
        guard !prompts.isEmpty else { throw OuroError(.invalidRequest, file: path, "the file has no prompts") }
        return prompts
    }

    /// Opens the output. Returns the samples that it already has, and a handle at its end.
    private static func open(_ path: String) throws -> (done: Set<Key>, file: FileHandle) {
        let manager = FileManager.default
        if !manager.fileExists(atPath: path), !manager.createFile(atPath: path, contents: nil) {
            throw OuroError(.unwritableFile, file: path, "cannot be created")
        }
        guard let file = FileHandle(forUpdatingAtPath: path), let data = try file.readToEnd() ?? Data() as Data? else {
            throw OuroError(.unwritableFile, file: path, "cannot be opened for writing")
        }
        // An interrupted run may leave an incomplete line after the last newline.
        let whole = (data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? data.startIndex) - data.startIndex
        var done: Set<Key> = []
        for (number, line) in data.prefix(whole).split(separator: UInt8(ascii: "\n")).enumerated() {
            let members = try? JSONObject(parsing: Array(line), file: path, code: .invalidRequest)
            guard let index = members?["index"]?.exactInteger, let sample = members?["sample"]?.exactInteger else {
                throw OuroError(
                    .invalidRequest, file: path, field: "line \(number + 1)",
                    "is not a result of this command; choose another output")
            }
            done.insert(Key(index: index, sample: sample))
        }
        try file.truncate(atOffset: UInt64(whole))
        try file.seekToEnd()
        return (done, file)
    }
}
