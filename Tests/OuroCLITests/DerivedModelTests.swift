import Foundation
import Testing

@testable import Ouro

/// Tests `ouro upcycle`, `ouro merge` and `--adapter` as a user runs them.
@Suite struct DerivedModelTests {
    private static func folder() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// Writes an adapter for the query projection of the first layer of `code_lm`, which is 192 x 192. Returns its
    /// path.
    static func adapter(_ folder: URL, name: String? = nil, inputs: Int = 192) throws -> String {
        let url = folder.appendingPathComponent(name ?? "adapter-\(inputs)")
        let name = "model.layers.0.self_attn.q_proj.weight"
        try Adapter.write(
            to: url, rank: 1, alpha: 2, targets: ["q_proj"], base: "code_lm",
            factors: [
                name: .init(
                    a: (0..<inputs).map { Float($0 % 7) * 0.1 }, b: (0..<192).map { Float($0 % 5) * 0.1 },
                    inputs: inputs, outputs: 192)
            ])
        return url.path
    }

    @Test func aMergedModelSaysWhatTheModelWithItsAdapterSays() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (model, adapter) = (CommandLineTool.fixture("code_lm"), try Self.adapter(folder))
        let merged = folder.path + "/merged"
        #expect(try CommandLineTool.run(["merge", "-m", model, "--adapter", adapter, "-o", merged]).status == 0)
        func score(_ arguments: [String]) throws -> String {
            try CommandLineTool.run(["score", "--text", "let x = 1", "--json"] + arguments).output
        }
        let together = try score(["-m", model, "--adapter", adapter])
        #expect(try score(["-m", merged]) == together)
        #expect(try score(["-m", model]) != together)
    }

    @Test func anotherModelsAdapterIsRefused() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try CommandLineTool.run([
            "generate", "-m", CommandLineTool.fixture("code_lm"), "--adapter", try Self.adapter(folder, inputs: 64),
            "x",
        ])
        #expect(result.status == 1 && result.errors.contains("[192, 64]"), "\(result.errors)")
    }

    @Test func aDuplicatedBlockRuns() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (model, output) = (CommandLineTool.fixture("code_lm"), folder.path + "/deep")
        #expect(try CommandLineTool.run(["upcycle", "-m", model, "--layers", "6", "-o", output]).status == 0)
        let result = try CommandLineTool.run(["generate", "-m", output, "-n", "3", "let "])
        #expect(result.status == 0, "\(result.errors)")
        let odd = try CommandLineTool.run(["upcycle", "-m", model, "--layers", "7", "-o", folder.path + "/odd"])
        #expect(odd.status == 1 && odd.errors.contains("multiple"), "\(odd.errors)")
    }
}
