import Foundation
import Ouro
import Testing

/// Tests that the README's Swift examples compile and run, and that they are the code below.
@Suite final class ReadmeTests {
    private static let root = Foundation.URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..").standardizedFileURL

    // The examples name a model folder Ouro-1.4B. A fixture takes its place.
    private func URL(fileURLWithPath name: String) -> URL { Fixtures.url(name == "Ouro-1.4B" ? "code_lm" : name) }
    private func print(_ text: String, terminator: String) { printed += text + terminator }
    private var printed = ""

    @Test func theQuickStartRuns() async throws {
        let engine = try Engine(modelAt: URL(fileURLWithPath: "Ouro-1.4B"))
        for try await token in try engine.generate(.init("The future of AI is", maxTokens: 50)) {
            print(token.text, terminator: "")
        }
        #expect(try await engine.generate(.init("The future of AI is", maxTokens: 50)).text() == printed)
        #expect(!printed.isEmpty)
    }

    @Test func recurrentStepsCanBeModified() async throws {
        let engine = try Engine(modelAt: URL(fileURLWithPath: "Ouro-1.4B")) {
            $0.loops = 3
            $0.exitThreshold = 0.8
        }
        #expect(engine.configuration.loops == 3)
        #expect(engine.configuration.exitThreshold == 0.8)
    }

    @Test func oneRequestCanHaveItsOwnDepth() async throws {
        var request = GenerationRequest("The future of AI is", maxTokens: 50)
        request.loops = 3
        request.exit = .threshold(0.8)
        request.sampling = SamplingParameters(temperature: 0.7, topP: 0.95, seed: 1)
        let engine = try Engine(modelAt: Fixtures.url("code_lm"))
        let exits = try await engine.generate(request).reduce(into: []) { $0.append($1.exitLoop) }
        #expect(exits.count == 50 && exits.allSatisfy { (1...3).contains($0) })
    }

    @Test func theExamplesAreTheReadmes() throws {
        let readme = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let source = try String(contentsOf: Foundation.URL(fileURLWithPath: #filePath), encoding: .utf8)
        func lines(_ text: Substring) -> [String] {
            text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
                .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
        }
        let code = lines(source[...]).joined(separator: "\n")
        let blocks = readme.components(separatedBy: "```swift\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        #expect(blocks.count == 3)
        for block in blocks {
            let example = lines(block[...]).joined(separator: "\n")
            #expect(code.contains(example), "not in this file:\n\(example)")
        }
    }
}
