import Foundation
import Testing

/// Tests `ouro data` and `ouro eval` as a user runs them.
@Suite struct DataCommandTests {
    static let trained = CommandLineTool.fixture("code_lm")

    /// A temporary folder that is deleted together with this value.
    private final class Folder {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("ouro-\(UUID().uuidString)")
        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: url) }
        func path(_ name: String) -> String { url.appendingPathComponent(name).path }
    }

    @Test func synthWritesJSONLines() throws {
        let folder = try Folder()
        let flags = ["data", "synth", "--task", "mano", "--level", "1-3", "--seed", "5", "--count", "7", "-o"]
        let result = try CommandLineTool.run(flags + ["-"])
        #expect(result.status == 0, "\(result.errors)")
        let lines = try result.json()
        #expect(lines.map { $0["level"] as? Int } == [1, 2, 3, 1, 2, 3, 1])
        #expect(lines.allSatisfy { Set($0.keys) == ["prompt", "completion", "level"] })
        let file = try CommandLineTool.run(flags + [folder.path("a.jsonl")])
        #expect(file.status == 0 && file.output.isEmpty)
        #expect(try String(contentsOfFile: folder.path("a.jsonl"), encoding: .utf8) == result.output)
        let held = try CommandLineTool.run(flags + ["-", "--split", "test"])
        #expect(held.output != result.output)
    }

    @Test func packReportsWhatItWrote() throws {
        let folder = try Folder()
        try Data(
            """
            {"text":"one two"}
            {"prompt":"2+2=","completion":"4"}
            {"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]}
            """.utf8
        ).write(to: folder.url.appendingPathComponent("a.jsonl"))
        let flags = [
            "data", "pack", "--model", Self.trained, "--input", folder.path("a.jsonl"), "-o", folder.path("out"),
            "--json",
        ]
        let result = try CommandLineTool.run(flags)
        #expect(result.status == 0, "\(result.errors)")
        let report = try #require(try result.json().first)
        #expect(Set(report.keys) == ["train", "valid", "learnt"])
        #expect((report["train"] as? [String: Int])?["documents"] == 3)
        #expect(FileManager.default.fileExists(atPath: folder.path("out/train-00001.tokens")))
        let again = try CommandLineTool.run(flags)
        #expect(again.status == 1 && again.errors.contains("--overwrite"))
        #expect(try CommandLineTool.run(flags + ["--overwrite"]).status == 0)
        let synthetic = try CommandLineTool.run([
            "data", "synth", "--task", "chain", "--count", "20", "--pack", "--model", Self.trained, "-o",
            folder.path("synthetic"), "--json",
        ])
        #expect(synthetic.status == 0, "\(synthetic.errors)")
        #expect((try synthetic.json().first?["train"] as? [String: Int])?["documents"] == 20)
    }

    @Test func evalPrintsOneObjectPerLevelAndDepth() throws {
        let folder = try Folder()
        let result = try CommandLineTool.run([
            "eval", "--model", Self.trained, "--task", "brackets", "--level", "1,2", "--count", "10", "--loops", "1,4",
            "--thresholds", "0.3,0.5", "--json", "--plot", folder.path("a.svg"),
        ])
        #expect(result.status == 0, "\(result.errors)")
        let lines = try result.json()
        #expect(lines.count == 8)
        for line in lines {
            #expect(
                Set(line.keys) == ["task", "level", "loops", "threshold", "accuracy", "mean_loops", "count"], "\(line)")
            #expect(line["task"] as? String == "brackets")
            #expect(line["count"] as? Int == 10)
        }
        #expect(lines.map { $0["level"] as? Int } == [1, 1, 1, 1, 2, 2, 2, 2])
        #expect(lines.prefix(4).map { $0["loops"] as? Int } == [1, 4, 4, 4])
        #expect(lines.prefix(4).map { ($0["threshold"] as? Double).map { Float($0) } } == [1, 1, 0.3, 0.5])
        #expect(try String(contentsOfFile: folder.path("a.svg"), encoding: .utf8).hasPrefix("<svg "))
    }

    @Test func perplexityIsThatOfScore() throws {
        let folder = try Folder()
        try Data("let x = 1\nlet y = 2\n".utf8).write(to: folder.url.appendingPathComponent("a.txt"))
        let eval = try CommandLineTool.run([
            "eval", "--model", Self.trained, "--task", "perplexity", "--file", folder.path("a.txt"), "--json",
        ]).json()
        let score = try CommandLineTool.run([
            "score", "--model", Self.trained, "--file", folder.path("a.txt"), "--json",
        ]).json()
        let summary = try #require(score.last?["summary"] as? [String: Any])
        #expect(eval.prefix(4).map { $0["perplexity"] as? Double } == summary["perplexity"] as? [Double])
    }

    @Test func choicesHaveBothAccuracies() throws {
        let folder = try Folder()
        try Data(#"{"question":"public","choices":["func","qqq"],"answer":"A"}"#.utf8)
            .write(to: folder.url.appendingPathComponent("a.jsonl"))
        let lines = try CommandLineTool.run([
            "eval", "--model", Self.trained, "--task", "choices", "--file", folder.path("a.jsonl"), "--json",
        ]).json()
        #expect(lines.count == 8)
        #expect(lines.allSatisfy { $0["accuracy"] is Double && $0["accuracy_norm"] is Double && $0["level"] is NSNull })
        #expect(lines.first?["accuracy"] as? Double == 1)
    }

    @Test func tablesAreForPeople() throws {
        let result = try CommandLineTool.run([
            "eval", "--model", Self.trained, "--task", "copy", "--level", "2", "--count", "5",
        ])
        #expect(result.output.contains("mean loops") && result.output.contains("copy"))
    }

    @Test(arguments: [
        ["data", "synth", "--task", "mano", "-o", "-", "--count", "0"],
        ["data", "synth", "--task", "mano", "-o", "-", "--level", "4-1"],
        ["data", "synth", "--task", "mano", "-o", "-", "--level", "x"], ["data", "synth", "--task", "mano"],
        ["data", "synth", "--task", "mano", "-o", "-", "--split", "valid"],
        ["data", "synth", "--task", "mano", "-o", "-", "--model", "x"], ["data", "pack", "-o", "x", "--model", "y"],
        ["data", "pack", "-o", "x", "--model", "y", "--tokenizer", "z", "--input", "a"],
        ["data", "pack", "-o", "x", "--model", "y", "--input", "a", "--validation-fraction", "1"],
        ["eval", "--model", "x", "--task", "perplexity"], ["eval", "--model", "x", "--task", "mano", "--file", "a"],
        ["eval", "--model", "x", "--task", "mano", "--loops", "a"],
        ["eval", "--model", "x", "--task", "mano", "--thresholds", "0.5,,"],
        ["eval", "--model", "x", "--task", "choices", "--file", "a", "--level", "1"],
    ])
    func wrongUsageExitsWith64(arguments: [String]) throws {
        let result = try CommandLineTool.run(arguments)
        #expect(result.status == 64, "\(arguments): \(result.errors)")
        #expect(result.output.isEmpty)
    }

    @Test(arguments: [
        (["data", "synth", "--task", "nonsense", "-o", "-"], "mano"),
        (["data", "synth", "--task", "mano", "--level", "99", "-o", "-"], "levels 1 to 24"),
        (["data", "synth", "--task", "mano", "-o", "/nonexistent/x"], "/nonexistent/x"),
        (["data", "pack", "--model", trained, "--input", "/nonexistent", "-o", "/nonexistent/x"], "no such file"),
        (["eval", "--model", trained, "--task", "nonsense"], "perplexity"),
        (["eval", "--model", trained, "--task", "mano", "--level", "99"], "levels 1 to 24"),
        (["eval", "--model", trained, "--task", "mano", "--loops", "99"], "loops"),
        (["eval", "--model", trained, "--task", "mano", "--thresholds", "2"], "thresholds"),
        (["eval", "--model", "/nonexistent", "--task", "mano"], "config.json"),
        (["eval", "--model", trained, "--task", "choices", "--file", "/nonexistent"], "no such file"),
    ])
    func badInputExitsWith1(arguments: [String], names: String) throws {
        let result = try CommandLineTool.run(arguments)
        #expect(result.status == 1, "\(arguments): \(result.errors)")
        #expect(result.errors.contains(names), "\(arguments): \(result.errors)")
    }

    @Test(arguments: [["data", "pack"], ["data", "synth"], ["eval"]])
    func helpShowsExamples(verb: [String]) throws {
        let result = try CommandLineTool.run(verb + ["--help"])
        #expect(result.status == 0)
        #expect(result.output.contains("EXAMPLES"))
    }
}
