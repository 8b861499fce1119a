import Foundation
import Testing

/// Runs the `ouro` executable that was built with the tests.
enum CommandLineTool {
    struct Result {
        let status: Int32
        let output: String
        let errors: String

        /// Standard output as JSON objects, one per line.
        func json() throws -> [[String: Any]] {
            try output.split(separator: "\n").map { line in
                try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "not an object: \(line)")
            }
        }
    }

    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../OuroTests/Fixtures").standardizedFileURL

    /// The absolute path of a fixture's folder.
    static func fixture(_ name: String) -> String { fixtures.appendingPathComponent(name).path }

    static let executable: URL = {
        // The executable is in the folder of the test bundle, .build/<triple>/<configuration>, or above it.
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        while folder.path != "/" {
            let candidate = folder.appendingPathComponent("ouro")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        return URL(fileURLWithPath: "ouro")
    }()

    /// - Parameters:
    ///   - output: receives standard output. `Result.output` is empty then.
    ///   - errors: receives standard error. `Result.errors` is empty then.
    static func run(
        _ arguments: [String], input: Data = Data(), environment: [String: String] = [:], output: FileHandle? = nil,
        errors: FileHandle? = nil
    ) throws -> Result {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // The process writes to files, because it would block on a full pipe.
        func file(_ name: String, _ content: Data = Data()) throws -> URL {
            let url = folder.appendingPathComponent(name)
            try content.write(to: url)
            return url
        }
        let (inputFile, outputFile, errorFile) = (try file("in", input), try file("out"), try file("err"))
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try output ?? FileHandle(forWritingTo: outputFile)
        process.standardError = try errors ?? FileHandle(forWritingTo: errorFile)
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: String(decoding: try Data(contentsOf: outputFile), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self))
    }
}
