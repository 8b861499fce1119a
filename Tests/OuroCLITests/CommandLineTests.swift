import Foundation
import Testing

@testable import Ouro

/// Tests the contract of the command line: output formats, exit codes and error messages.
@Suite struct CommandLineTests {
    static let trained = CommandLineTool.fixture("code_lm")
    static let random = CommandLineTool.fixture("a_base_mha_fp32_seed1")

    /// Results of the reference implementation with the random fixture: a prompt of 8 tokens and 32 generated tokens.
    private static func golden(_ name: String) throws -> [Int] {
        try SafetensorsFile(contentsOf: URL(fileURLWithPath: random + "/golden.safetensors")).ints(name).map { Int($0) }
    }

    private static func prompt() throws -> String {
        try golden("input_ids").prefix(8).map(String.init).joined(separator: ",")
    }

    @Test func generateStreamsText() throws {
        let result = try CommandLineTool.run(["generate", "--model", Self.trained, "public func append(_ ", "-n", "20"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.count > 10 && result.output.hasSuffix("\n"))
        let piped = try CommandLineTool.run(
            ["generate", "--model", Self.trained, "-n", "20"], input: Data("public func append(_ \n".utf8))
        #expect(piped.output == result.output, "the prompt from standard input")
    }

    @Test func generateJSONIsOneObjectPerTokenThenASummary() throws {
        let result = try CommandLineTool.run([
            "generate", "--model", Self.random, "--tokens", Self.prompt(), "-n", "6", "--ignore-eos", "--json",
            "--exit-threshold", "0.6",
        ])
        #expect(result.status == 0, "\(result.errors)")
        let lines = try result.json()
        let (tokens, exits) = (try Self.golden("gen_thr0.6_tokens"), try Self.golden("gen_thr0.6_exit"))
        #expect(lines.dropLast().compactMap { $0["token"] as? Int } == Array(tokens.prefix(6)))
        #expect(lines.dropLast().compactMap { $0["position"] as? Int } == Array(8..<14))
        #expect(lines.dropLast().compactMap { $0["exit_loop"] as? Int } == exits.prefix(6).map { $0 + 1 })
        for line in lines.dropLast() {
            #expect(Set(line.keys) == ["position", "token", "text", "logprob", "exit_loop", "exit_distribution"])
            #expect((line["exit_distribution"] as? [Double])?.count == 4)
        }
        let summary = try #require(lines.last?["summary"] as? [String: Any])
        #expect(
            Set(summary.keys) == [
                "prompt_tokens", "cached_tokens", "tokens", "tokens_per_second", "mean_loops", "passes",
                "finish_reason", "rows", "acceptance", "kv_bytes",
            ])
        #expect(summary["prompt_tokens"] as? Int == 8)
        #expect(summary["tokens"] as? Int == 6)
        #expect(summary["finish_reason"] as? String == "length")
        let rows = try #require(summary["rows"] as? [String: Int])
        #expect(Set(rows.keys) == ["prefill", "decode", "draft", "filler", "dropped"])
        #expect((summary["acceptance"] as? [Any])?.count == 4)
    }

    @Test func passesAreCounted() throws {
        func passes(_ flags: [String]) throws -> Int {
            let lines = try CommandLineTool.run(
                ["generate", "--model", Self.random, "--tokens", "89,222,82", "-n", "6", "--ignore-eos", "--json"]
                    + flags
            ).json()
            return try #require((lines.last?["summary"] as? [String: Any])?["passes"] as? Int)
        }
        #expect(try passes(["--wavefront", "off"]) == 24, "four passes a token")
        #expect(try passes(["--wavefront", "off", "--exit-at", "2"]) == 12, "the successor starts after the exit")
        #expect(try passes(["--wavefront", "off", "--loops", "3"]) == 18)
        #expect(try passes(["--wavefront", "on", "--exit-at", "1"]) == 6)
        #expect(try passes(["--wavefront", "on"]) <= 24)
    }

    @Test func policiesForKeysAndValuesAreChosenByFlags() throws {
        func run(_ flags: [String]) throws -> CommandLineTool.Result {
            let tokens = (0..<40).map { "\($0)" }.joined(separator: ",")
            return try CommandLineTool.run(
                ["generate", "--model", Self.random, "--tokens", tokens, "-n", "4", "--ignore-eos", "--json"] + flags)
        }
        func bytes(_ policy: String) throws -> Int {
            let summary = try run(["--kv-policy", policy]).json().last?["summary"] as? [String: Any]
            return try #require(summary?["kv_bytes"] as? Int)
        }
        let full = try bytes("full")
        #expect(try bytes("last-loop") * 4 == full)
        #expect(try bytes("averaged") * 4 == full)
        #expect(try bytes("compressed") < full)
        let refused = try run(["--kv-policy", "averaged", "--wavefront", "on"])
        #expect(refused.status == 1 && refused.errors.contains("kv_policy"), "\(refused.errors)")
        let scored = try CommandLineTool.run(
            ["score", "--model", Self.random, "--tokens", "1,2,3", "--kv-policy", "last-loop"])
        #expect(scored.status == 64 && scored.errors.contains("--against-kv"), "\(scored.errors)")
    }

    @Test func depthIsChosenByFlags() throws {
        func tokens(_ flags: [String]) throws -> [Int] {
            try CommandLineTool.run(
                ["generate", "--model", Self.random, "--tokens", Self.prompt(), "-n", "8", "--json"] + flags
            ).json().compactMap { $0["token"] as? Int }
        }
        for (flags, name) in [
            ([], "gen_thr1.0_tokens"), (["--loops", "1"], "gen_ut1_tokens"), (["--loops", "3"], "gen_ut3_tokens"),
            (["--exit-at", "2"], "gen_atstep1_tokens"),
        ] {
            #expect(try tokens(flags) == Array(Self.golden(name).prefix(8)), "\(name)")
        }
    }

    @Test func scoreReportsEveryLoop() throws {
        let result = try CommandLineTool.run(["score", "--model", Self.random, "--tokens", "89,222,82", "--json"])
        #expect(result.status == 0, "\(result.errors)")
        let lines = try result.json()
        #expect(lines.count == 4)
        for line in lines.dropLast() {
            #expect(
                Set(line.keys) == [
                    "position", "token", "logprobs", "gate", "exit_distribution", "exit_loop", "argmax",
                ])
            #expect((line["gate"] as? [Double])?.count == 4)
            #expect((line["argmax"] as? [Int])?.count == 4)
        }
        #expect((lines[0]["logprobs"] as? [Any])?.allSatisfy { $0 is NSNull } == true)
        #expect((lines[1]["logprobs"] as? [Double])?.count == 4)
        let summary = try #require(lines.last?["summary"] as? [String: Any])
        #expect((summary["perplexity"] as? [Double])?.count == 4)
        let table = try CommandLineTool.run(["score", "--model", Self.trained, "--text", "let x = 1\n"])
        #expect(table.output.contains("perplexity by loop"))
    }

    @Test func tokenizeGoesBothWays() throws {
        let result = try CommandLineTool.run(
            ["tokenize", "--model", Self.trained, "--json"], input: Data("héllo\n".utf8))
        let line = try #require(try result.json().first)
        let ids = try #require(line["ids"] as? [Int])
        #expect(ids == Array("héllo\n".utf8).map { Int($0) })
        #expect((line["pieces"] as? [String])?.count == ids.count)
        let back = try CommandLineTool.run(
            ["tokenize", "--model", Self.trained, "--decode", ids.map(String.init).joined(separator: ",")])
        #expect(back.output == "héllo\n\n")
    }

    @Test func inspectSplitsTheParameters() throws {
        let result = try CommandLineTool.run(["inspect", "--model", Self.random, "--json"])
        let report = try #require(try result.json().first)
        let parameters = try #require(report["parameters"] as? [String: Int])
        #expect(parameters["embedding"] == 256 * 64)
        #expect(parameters["head"] == 256 * 64)
        #expect(parameters["gate"] == 65)
        #expect(parameters["block"] == 2 * (4 * 64 * 64 + 3 * 64 * 128 + 4 * 64) + 64)
        let memory = try #require(report["kv_bytes_per_1k_tokens"] as? [String: Int])
        #expect(memory["full"] == 4 * 2 * 2 * 64 * 1024 * 4)
        #expect(memory["last-loop"] == 2 * 2 * 64 * 1024 * 4)
        let text = try CommandLineTool.run(["inspect", "--model", Self.random]).output
        #expect(text.contains("looped block") && text.contains("model.layers.0.self_attn.q_proj.weight"))
    }

    @Test func chatAnswersAndObeysCommands() throws {
        let input = "hello\n/loops 2\n/threshold 0.5\n/nonsense\nagain\n/reset\n/help\n/exit\n"
        let result = try CommandLineTool.run(
            ["chat", "--model", Self.trained, "-n", "10", "--show-depth"], input: Data(input.utf8))
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("2 loops per token"))
        #expect(result.errors.contains("Not a command"))
        #expect(result.errors.contains("mean loops"))
        #expect(!result.output.isEmpty)
    }

    @Test(arguments: [
        ["generate", "--model", "x", "--temperature", "hot", "a"],
        ["generate", "--model", "x", "-n", "0", "a"],
        ["generate", "--model", "x", "--exit-at", "0", "a"], ["generate", "--model", "x", "--tokens", "1,x"],
        ["generate", "--model", "x", "--exit-at", "1", "--exit-threshold", "0.5", "a"], ["score", "--model", "x"],
        ["generate", "--model", "x", "--tokens", "1", "text"], ["nonsense"],
        ["bench", "--only", "schedule"], ["bench", "--model", "x", "--shape", "tiny"],
        ["bench", "--only", "concurrency", "--streams", "x"], ["bench", "--only", "simulation", "--agreement", "x"],
        ["generate", "--model", "x", "--threads", "0", "a"], ["generate", "--model", "x", "--logit-bias", "a", "b"],
    ])
    func wrongUsageExitsWith64(arguments: [String]) throws {
        let result = try CommandLineTool.run(arguments)
        #expect(result.status == 64, "\(arguments): \(result.errors)")
        #expect(result.output.isEmpty)
        #expect(!result.errors.isEmpty)
    }

    @Test(arguments: [
        (["generate", "--model", "/nonexistent", "a"], "config.json"),
        (["generate", "--model", random, "text"], "tokenizer.json"),
        (["generate", "--model", random, "--tokens", "999"], "vocabulary"),
        (["generate", "--model", random, "--tokens=-1"], "vocabulary"),
        (["generate", "--model", trained, ""], "empty"),
        (["generate", "--model", random, "--tokens", "1", "--loops", "1000"], "loops"),
        (["generate", "--model", random, "--tokens", "1", "--temperature", "-1"], "temperature"),
        (["generate", "--model", random, "--tokens", "1", "--top-p", "7"], "top_p"),
        (["generate", "--model", random, "--tokens", "1", "--exit-threshold", "-0.5"], "exit_threshold"),
        (["generate", "--model", random, "--tokens", "1", "--kv-memory", "0"], "budget"),
        (["score", "--model", trained, "--file", "/nonexistent"], "cannot be read"),
        (["bench", "--shape", "100x8192x64x28672x49152"], "MiB"),
        (["bench", "--only", "sampling", "--vocabulary", "0"], "vocabulary"),
        (["bench", "--shape", "tiny", "--only", "simulation", "--agreement", "0.5,0.9"], "agreement"),
        (["bench", "--shape", "tiny", "--only", "simulation", "--exits", "7"], "exits"),
        (["bench", "--shape", "tiny", "--only", "concurrency", "--streams", "0"], "streams"),
        (["tokenize", "--model", random, "a"], "tokenizer.json"),
        (["tokenize", "--model", trained, "--decode", "99999"], "not in the vocabulary"),
    ])
    func badInputExitsWith1(arguments: [String], names: String) throws {
        let result = try CommandLineTool.run(arguments)
        #expect(result.status == 1, "\(arguments): \(result.errors)")
        #expect(result.errors.contains(names), "\(arguments): \(result.errors)")
    }

    @Test func aPromptLongerThanTheContextIsRefused() throws {
        let text = Data(String(repeating: "x", count: 3000).utf8)
        let result = try CommandLineTool.run(["generate", "--model", Self.trained], input: text)
        #expect(result.status == 1)
        #expect(result.errors.contains("3000") && result.errors.contains("2048"))
    }

    @Test func inputThatIsNotUTF8IsRefused() throws {
        let result = try CommandLineTool.run(
            ["generate", "--model", Self.trained], input: Data([0x66, 0xff, 0xfe]))
        #expect(result.status == 1)
        #expect(result.errors.contains("UTF-8"))
    }

    @Test(arguments: [
        ["generate", "--model", trained, "a"], ["score", "--model", trained, "--text", "a b"],
        ["bench", "--model", trained, "--only", "machine"], ["bench", "--model", trained, "--only", "schedules"],
        ["bench", "--only", "sampling"],
        ["quantize", "--model", trained, "--bits", "8", "--output", "FOLDER/result"],
        ["merge", "--model", trained, "--adapter", "FOLDER/adapter", "--output", "FOLDER/result"],
        ["train", "--recipe", "FOLDER/r.yaml", "--output", "FOLDER/result"],
        ["train", "--recipe", "FOLDER/r.yaml", "--plan"], ["train", "--measure", "1x32x2x64x64", "--steps", "1"],
    ])
    func anUnknownInstructionSetIsRefused(command: [String]) throws {
        let folder = try TrainTests.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try DerivedModelTests.adapter(folder, name: "adapter")
        let result = try CommandLineTool.run(
            command.map { $0.replacingOccurrences(of: "FOLDER", with: folder.path) },
            environment: ["OURO_ISA": "abacus"])
        #expect(result.status == 1)
        #expect(result.errors.contains("Error: OURO_ISA: 'abacus' is not available on this machine"))
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/result"))
    }

    @Test(arguments: ["generate", "chat", "score", "inspect", "tokenize", "quantize", "bench"])
    func helpShowsExamples(verb: String) throws {
        let result = try CommandLineTool.run([verb, "--help"])
        #expect(result.status == 0)
        #expect(result.output.contains("EXAMPLES"))
    }
}
