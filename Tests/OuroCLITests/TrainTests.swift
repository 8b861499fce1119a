import Foundation
import Testing

@testable import Ouro

/// Tests `ouro train` as a user runs it: signals, resuming, plans and errors.
@Suite struct TrainTests {
    static func workplace() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        try Data(String(repeating: "a rose is a rose is a rose; ", count: 60).utf8)
            .write(to: url.appendingPathComponent("text.txt"))
        let recipe = """
            model:
              vocab_size: 256
              hidden_size: 48
              intermediate_size: 96
              num_hidden_layers: 2
              num_attention_heads: 4
              max_position_embeddings: 64
              total_ut_steps: 3
            data:
              text: {bytes: text.txt}
            checkpoints: {every_steps: 3, keep: 2}
            log_steps: 1
            stages:
              - name: one
                steps: 40
                sequence_length: 48
                batch_sequences: 4
                learning_rate: {schedule: cosine, peak: 3e-3, warmup_steps: 4}
                mixture: {text: 1}
              - name: gate
                steps: 10
                sequence_length: 48
                batch_sequences: 4
                objective: gate
                learning_rate: {peak: 1e-2}
                mixture: {text: 1}
            """
        try Data(recipe.utf8).write(to: url.appendingPathComponent("r.yaml"))
        return url
    }

    /// The test needs a second kernel variant. It is skipped where only the portable kernels are available.
    @Test(.enabled(if: Kernels.available.count > 1))
    func aTrainingThatGoesOnWithOtherKernelsSaysSo() throws {
        let folder = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("run").path
        let recipe = folder.appendingPathComponent("r.yaml").path
        let command = ["train", "--recipe", recipe, "--output", output]
        #expect(try CommandLineTool.run(command, environment: ["OURO_ISA": "portable"]).status == 0)
        let same = try CommandLineTool.run(command + ["--resume"], environment: ["OURO_ISA": "portable"])
        #expect(same.status == 0 && !same.errors.contains("note:"))
        let other = try CommandLineTool.run(
            command + ["--resume"], environment: ["OURO_ISA": Kernels.available[0].name])
        #expect(other.status == 0)
        #expect(other.errors.contains("note: step 50 was computed by portable kernels of version"))
    }

    private static func start(
        _ folder: URL, _ arguments: [String], errors: Any = FileHandle.nullDevice, crash: String? = nil
    ) throws -> Process {
        let process = Process()
        process.executableURL = CommandLineTool.executable
        process.arguments = ["train", "--recipe", folder.appendingPathComponent("r.yaml").path] + arguments
        process.environment = ProcessInfo.processInfo.environment
        process.environment?["OURO_CRASH_AT"] = crash
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        return process
    }

    private static func files(_ output: String) throws -> (weights: Data, log: [String]) {
        let url = URL(fileURLWithPath: output)
        let log = try String(contentsOf: url.appendingPathComponent("log.jsonl"), encoding: .utf8)
        return (
            try Data(contentsOf: url.appendingPathComponent("model/model.safetensors")),
            // The throughput differs from run to run.
            log.split(separator: "\n").map { $0.components(separatedBy: ",\"tokens_per_second\"")[0] }
        )
    }

    /// The crashes of the killed training, in order: a crash point, and the path that is written there. Training saves
    /// every third step.
    private static let crashes: [(point: CrashPoint, path: String)] = {
        var crashes: [(point: CrashPoint, path: String)] = []
        for (index, point) in CrashPoint.ofFiles.enumerated() {
            let step = 3 * (index + 2)
            crashes.append((point, "step-\(step.digits(12))"))
        }
        for point in CrashPoint.ofFiles { crashes.append((point, "log.jsonl")) }
        for point in CrashPoint.ofFiles { crashes.append((point, "model.safetensors")) }
        // A folder is removed only if an earlier run has placed one.
        for point in [CrashPoint.filled, .placed, .removed] { crashes.append((point, "/model")) }
        return crashes
    }()

    @Test func aKilledTrainingResumesToTheSameBits() throws {
        let folder = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (straight, killed) = (folder.path + "/straight", folder.path + "/killed")
        let process = try Self.start(folder, ["--output", straight])
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let log = URL(fileURLWithPath: killed + "/log.jsonl")
        for (index, crash) in Self.crashes.enumerated() {
            let process = try Self.start(
                folder, ["--output", killed] + (index == 0 ? [] : ["--resume"]),
                crash: "\(crash.point.rawValue):\(crash.path)")
            process.waitUntilExit()
            try #require(
                process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL,
                "\(crash) is not reached")
            // A power failure may leave half a line.
            let handle = try FileHandle(forWritingTo: log)
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("{\"step\":1".utf8))
            try handle.close()
        }
        let last = try Self.start(folder, ["--output", killed, "--resume"])
        last.waitUntilExit()
        #expect(last.terminationReason == .exit && last.terminationStatus == 0)
        let (a, b) = (try Self.files(straight), try Self.files(killed))
        #expect(a.weights == b.weights)
        #expect(a.log == b.log)
        #expect(a.log.count == 50)
    }

    @Test func anInterruptedTrainingSavesAndSaysHowToContinue() throws {
        let folder = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let recipe = folder.appendingPathComponent("r.yaml")
        let text = try String(contentsOf: recipe, encoding: .utf8)
        try Data(
            text.replacingOccurrences(of: "steps: 40", with: "steps: 100000")
                .replacingOccurrences(of: "every_steps: 3", with: "every_steps: 0").utf8
        ).write(to: recipe)
        let output = folder.path + "/out"
        let errors = Pipe()
        let process = try Self.start(folder, ["--output", output], errors: errors)
        // The first output comes after the first step.
        let first = errors.fileHandleForReading.availableData
        process.interrupt()
        let rest = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 130)
        let lines = String(decoding: first + rest, as: UTF8.self).split(separator: "\n")
        let taken = lines.count - 1
        #expect(lines.last == "stopped after step \(taken); --resume continues", "\(lines.suffix(2))")
        let checkpoints = try FileManager.default.contentsOfDirectory(atPath: output + "/checkpoints")
        #expect(checkpoints == ["step-\(taken.digits(12)).safetensors"])
    }

    @Test func aPlanTrainsNothing() throws {
        let folder = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try CommandLineTool.run(["train", "--recipe", folder.path + "/r.yaml", "--plan"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("one") && result.output.contains("gate") && result.output.contains("all"))
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/runs"))
    }

    @Test func mistakesAreReportedWithTheirLine() throws {
        let folder = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let recipe = folder.appendingPathComponent("r.yaml")
        let text = try String(contentsOf: recipe, encoding: .utf8)
        try Data(text.replacingOccurrences(of: "vocab_size", with: "vocabulary").utf8).write(to: recipe)
        let result = try CommandLineTool.run(["train", "--recipe", recipe.path])
        #expect(result.status != 0 && result.errors.contains("r.yaml:2: model.vocabulary"), "\(result.errors)")
        let nothing = try CommandLineTool.run(["train"])
        #expect(nothing.status == 64, "\(nothing.errors)")
    }

    @Test func aTrainedModelGenerates() throws {
        let folder = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.path + "/out"
        let trained = try CommandLineTool.run(
            ["train", "--recipe", folder.path + "/r.yaml", "--output", output, "--threads", "2"])
        #expect(trained.status == 0 && trained.output.hasSuffix("/out/model\n"), "\(trained.output) \(trained.errors)")
        let text = try CommandLineTool.run(
            ["generate", "--model", output + "/model", "--tokens", "97,32,114", "-n", "4", "--json"])
        #expect(text.status == 0, "\(text.errors)")
        #expect(try text.json().count == 5)
    }

    /// A limit on the size of files simulates a full disk: the same write fails.
    @Test func aFullDiskLosesNothingThatWasSaved() throws {
        let folder = try Self.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (recipe, output) = (folder.path + "/r.yaml", folder.path + "/out")
        func train(_ arguments: String, limit: String) throws -> (status: Int32, errors: String) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = [
                "-c",
                "trap '' XFSZ; ulimit -f \(limit); exec '\(CommandLineTool.executable.path)' train "
                    + "--recipe '\(recipe)' --output '\(output)' \(arguments) 2> '\(folder.path)/errors'",
            ]
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            let errors = try String(contentsOf: folder.appendingPathComponent("errors"), encoding: .utf8)
            return (process.terminationStatus, errors)
        }
        func checkpoints() throws -> [String: Data] {
            let names = try FileManager.default.contentsOfDirectory(atPath: output + "/checkpoints").sorted()
            return try Dictionary(
                uniqueKeysWithValues: names.map {
                    ($0, try Data(contentsOf: URL(fileURLWithPath: "\(output)/checkpoints/\($0)")))
                })
        }
        #expect(try train("", limit: "unlimited").status == 0)
        let saved = try checkpoints()
        #expect(saved.count == 2)
        // Without its last checkpoint, the run looks as if it had been killed before its end.
        let last = try #require(saved.keys.max())
        try FileManager.default.removeItem(atPath: "\(output)/checkpoints/\(last)")
        // 64 blocks are enough for the log, but not for a checkpoint.
        let full = try train("--resume", limit: "64")
        #expect(full.status == 1 && full.errors.contains("step-"), "\(full)")
        #expect(full.errors.contains("is kept; make room, then continue with --resume"), "\(full.errors)")
        #expect(try checkpoints() == saved.filter { $0.key != last }, "what was saved, and nothing else")
        #expect(try train("--resume", limit: "unlimited").status == 0)
        #expect(try checkpoints()[last] == saved[last])
    }
}
