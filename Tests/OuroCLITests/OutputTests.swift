import Foundation
import Testing

/// Tests full and closed outputs. A failed write is an error on standard output and is ignored on standard error.
@Suite struct OutputTests {
    private static let model = CommandLineTool.fixture("code_lm")
    /// A device that is always full. Not every system has it.
    private static let full = URL(fileURLWithPath: "/dev/full")
    private static var hasFull: Bool { FileManager.default.fileExists(atPath: full.path) }

    private static let commands = [
        ["generate", "--model", model, "--max-tokens", "5", "let x"],
        ["generate", "--model", model, "--max-tokens", "5", "--json", "let x"],
        ["inspect", "--model", model], ["score", "--model", model, "--text", "let x = 1"],
        ["tokenize", "--model", model, "--decode", "1,2"],
        ["data", "synth", "--task", "sums", "--count", "5", "-o", "-"],
        ["bench", "--model", model, "--only", "machine", "--seconds", "0.01", "--threads", "1"],
    ]

    @Test(.enabled(if: hasFull), arguments: commands)
    func aFullOutputIsAnError(command: [String]) throws {
        let result = try CommandLineTool.run(command, output: FileHandle(forWritingTo: Self.full))
        #expect(result.status == 1)
        #expect(result.errors == "Error: standard output: No space left on device\n")
    }

    @Test(arguments: commands)
    func aClosedPipeIsAnError(command: [String]) throws {
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let result = try CommandLineTool.run(command, output: pipe.fileHandleForWriting)
        #expect(result.status == 1)
        #expect(result.errors == "Error: standard output: Broken pipe\n")
    }

    /// The shell closes standard output. No file that is opened later may take its descriptor.
    @Test func aClosedOutputIsAnError() throws {
        let process = Process()
        let errors = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec \"$@\" >&-", "sh", CommandLineTool.executable.path] + Self.commands[0]
        process.standardError = errors
        try process.run()
        let text = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 1)
        #expect(String(decoding: text, as: UTF8.self) == "Error: standard output: Bad file descriptor\n")
    }

    @Test(.enabled(if: hasFull))
    func aFullErrorOutputIsIgnored() throws {
        let command = ["generate", "--model", Self.model, "--max-tokens", "5", "--show-depth", "let x"]
        let expected = try CommandLineTool.run(command)
        let result = try CommandLineTool.run(command, errors: FileHandle(forWritingTo: Self.full))
        #expect(result.status == 0)
        #expect(result.output == expected.output && !result.output.isEmpty)
    }

    @Test(.enabled(if: hasFull))
    func trainingGoesOnWhenItsLogIsFull() throws {
        let folder = try TrainTests.workplace()
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("run").path
        let recipe = folder.appendingPathComponent("r.yaml").path
        let result = try CommandLineTool.run(
            ["train", "--recipe", recipe, "--output", output], errors: FileHandle(forWritingTo: Self.full))
        #expect(result.status == 0)
        #expect(FileManager.default.fileExists(atPath: output + "/model/model.safetensors"))
    }
}
