import Foundation
import Testing

/// Tests `ouro quantize` and the reports that compare a quantised model or cache with the original.
@Suite struct QuantizeTests {
    static let model = CommandLineTool.fixture("code_lm")
    static let text = String(
        repeating: "public func append(_ element: Element) { storage.append(element) }\n", count: 6)

    /// Runs `body` with a new folder that holds text.txt. Deletes the folder afterwards.
    private static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ouro-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try text.write(to: folder.appendingPathComponent("text.txt"), atomically: true, encoding: .utf8)
        try body(folder.path)
    }

    @Test func aQuantisedModelGeneratesAndIsCompared() throws {
        try Self.inFolder { folder in
            let result = try CommandLineTool.run([
                "quantize", "--model", Self.model, "--bits", "4", "--group-size", "32", "--calibrate",
                folder + "/text.txt", "-o", folder + "/out", "--report", "--file", folder + "/text.txt", "--json",
            ])
            #expect(result.status == 0, "\(result.errors)")
            let report = try #require(try result.json().first)
            #expect(Set(report.keys) == ["positions", "loops"])
            #expect(report["positions"] as? Int == Self.text.utf8.count)
            let loops = try #require(report["loops"] as? [[String: Any]])
            #expect(loops.count == 4)
            for loop in loops {
                #expect(Set(loop.keys) == ["loop", "kl", "agreement", "perplexity", "reference_perplexity"])
                #expect((loop["kl"] as? Double ?? 1) < 0.05 && (loop["agreement"] as? Double ?? 0) > 0.8)
            }
            let again = try CommandLineTool.run([
                "quantize", "--report", "--model", folder + "/out", "--reference", Self.model, "--file",
                folder + "/text.txt", "--json",
            ])
            #expect(again.output == result.output)
            let generated = try CommandLineTool.run(["generate", "--model", folder + "/out", "-n", "5", "public "])
            #expect(generated.status == 0, "\(generated.errors)")
            let inspected = try CommandLineTool.run(["inspect", "--model", folder + "/out"]).output
            #expect(inspected.contains("4 bits in groups of 32") && inspected.contains("lm_head 8 bits"))
            let full = try CommandLineTool.run([
                "quantize", "--model", Self.model, "-o", folder + "/out",
            ])
            #expect(full.status == 1 && full.errors.contains("not empty"), "\(full.errors)")
        }
    }

    @Test func weightsThatStayAsTheyAreAreMentioned() throws {
        try Self.inFolder { folder in
            let result = try CommandLineTool.run([
                "quantize", "--model", Self.model, "--group-size", "128", "-o", folder + "/out",
            ])
            #expect(result.status == 0 && result.errors.contains("20 weights"), "\(result.errors)")
        }
    }

    @Test func theCostOfACacheIsReported() throws {
        let result = try CommandLineTool.run([
            "score", "--model", Self.model, "--text", Self.text, "--kv-type", "q8", "--against-kv", "f32", "--json",
        ])
        #expect(result.status == 0, "\(result.errors)")
        let loops = try #require(try result.json().first?["loops"] as? [[String: Any]])
        #expect(loops.allSatisfy { ($0["kl"] as? Double ?? 1) < 0.01 && ($0["kl"] as? Double ?? 0) > 0 })
    }

    @Test(arguments: [
        ["quantize"], ["quantize", "--model", "x"], ["quantize", "--model", "x", "-o", "y", "--report"],
        ["quantize", "--model", "x", "-o", "y", "--head-bits", "few"],
        ["quantize", "--model", "x", "-o", "y", "--json"],
        ["quantize", "--model", "x", "--report", "--file", "y"],
        ["score", "--model", "x", "--text", "a", "--against-kv", "f32"],
    ])
    func wrongUsageExitsWith64(arguments: [String]) throws {
        let result = try CommandLineTool.run(arguments)
        #expect(result.status == 64, "\(arguments): \(result.errors)")
    }

    @Test(arguments: [
        (["--bits", "3"], "expected 4 or 8"), (["--group-size", "48"], "expected 32, 64 or 128"),
        (["--calibrate", "/nonexistent"], "cannot be read"), (["--head-bits", "5"], "expected 4 or 8"),
    ])
    func badInputExitsWith1(options: [String], names: String) throws {
        try Self.inFolder { folder in
            let result = try CommandLineTool.run(
                ["quantize", "--model", Self.model, "-o", folder + "/out"] + options)
            #expect(result.status == 1 && result.errors.contains(names), "\(options): \(result.errors)")
        }
    }
}
