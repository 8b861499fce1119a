import Foundation
import Testing

@Suite struct HubCommandTests {
    /// An empty cache and no network.
    private let offline = ["HF_HOME": "/nonexistent", "HF_HUB_OFFLINE": "1", "HF_TOKEN": ""]

    @Test(arguments: [
        ["generate", "x"], ["tokenize", "x"], ["inspect"], ["score", "--text", "x"],
        ["quantize", "--bits", "4", "-o", "/nonexistent/out"], ["bench"],
    ])
    func everyVerbTakesAModelByName(verb: [String]) throws {
        let result = try CommandLineTool.run(verb + ["--model", "org/model"], environment: offline)
        #expect(result.status == 1)
        #expect(
            result.errors.contains("HF_HUB_OFFLINE is set and the model is not in /nonexistent/hub"), "\(result.errors)"
        )
        #expect(result.errors.contains("no folder 'org/model'"), "\(result.errors)")
    }

    @Test func whatLooksLikeAPathIsNotAskedOfAHub() throws {
        for path in ["./none", "none", "/none/model", "a/b/c"] {
            let result = try CommandLineTool.run(["generate", "x", "--model", path], environment: offline)
            #expect(result.errors.contains("config.json: there is no such file"), "\(path): \(result.errors)")
        }
    }

    @Test func aFolderOfThatNameComesFirst() throws {
        let result = try CommandLineTool.run(
            ["tokenize", "--model", CommandLineTool.fixture("code_lm"), "let"], environment: offline)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test func aServerThatIsNotThereIsUnwell() throws {
        let result = try CommandLineTool.run(["health", "http://127.0.0.1:1", "--timeout", "2"])
        #expect(result.status == 1)
        #expect(result.errors.contains("http://127.0.0.1:1/health: "), "\(result.errors)")
    }

    @Test(arguments: [
        ["download"], ["download", "a/b", "--max-workers", "0"], ["download", "a/b@c", "--revision", "d"],
        ["health", "nonsense"], ["health", "--timeout", "0"],
    ])
    func wrongUsageExitsWith64(arguments: [String]) throws {
        #expect(try CommandLineTool.run(arguments, environment: offline).status == 64)
    }
}
