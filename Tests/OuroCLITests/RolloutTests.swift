import Foundation
import Testing

/// Tests `ouro generate --input`: many prompts, several samples for each, and resuming.
@Suite struct RolloutTests {
    private static let model = CommandLineTool.fixture("a_base_mha_fp32_seed1")

    private static func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private static func run(_ folder: URL, _ output: String, n: Int = 3) throws -> CommandLineTool.Result {
        try CommandLineTool.run([
            "generate", "--model", Self.model, "--input", folder.appendingPathComponent("in.jsonl").path, "--n",
            "\(n)", "--temperature", "1", "--seed", "5", "-n", "6", "--exit-threshold", "0.6", "--ignore-eos",
            "--output", folder.appendingPathComponent(output).path,
        ])
    }

    @Test func everyTokenTellsItsLoops() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("{\"tokens\":[89,222,82]}\n\n{\"tokens\":[7]}\n".utf8)
            .write(to: folder.appendingPathComponent("in.jsonl"))
        let result = try Self.run(folder, "out.jsonl")
        #expect(result.status == 0, "\(result.errors)")
        let text = try String(contentsOf: folder.appendingPathComponent("out.jsonl"), encoding: .utf8)
        let lines = try text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let keys = lines.map { "\($0["index"] as? Int ?? -1).\($0["sample"] as? Int ?? -1)" }
        #expect(keys.sorted() == ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2"])
        for line in lines {
            let tokens = try #require(line["tokens"] as? [[String: Any]])
            #expect(tokens.count == 6)
            for token in tokens {
                let loop = try #require(token["exit_loop"] as? Int)
                let logs = try #require(token["logprobs"] as? [Double])
                #expect(logs.count == loop)
                #expect((token["gate"] as? [Double])?.count == loop)
                #expect(logs.last == token["logprob"] as? Double, "the last loop is the exit")
            }
        }
    }

    @Test func anInterruptedRunGoesOn() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("{\"tokens\":[89,222,82]}\n{\"tokens\":[7]}\n".utf8).write(
            to: folder.appendingPathComponent("in.jsonl"))
        _ = try Self.run(folder, "whole.jsonl")
        let whole = try Data(contentsOf: folder.appendingPathComponent("whole.jsonl"))
        try whole.prefix(whole.count / 2).write(to: folder.appendingPathComponent("half.jsonl"))
        let result = try Self.run(folder, "half.jsonl")
        #expect(result.status == 0, "\(result.errors)")
        func lines(_ name: String) throws -> [String] {
            try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
                .split(separator: "\n").map(String.init).sorted()
        }
        #expect(try lines("half.jsonl") == lines("whole.jsonl"))
    }

    @Test func badLinesAreNamed() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("{\"tokens\":[1]}\n{\"text\":\"a\"}\n".utf8).write(to: folder.appendingPathComponent("in.jsonl"))
        let result = try Self.run(folder, "out.jsonl")
        #expect(result.status == 1)
        #expect(result.errors.contains("line 2"))
        let alone = try CommandLineTool.run(["generate", "--model", Self.model, "--input", "x"])
        #expect(alone.status == 64)
    }
}
