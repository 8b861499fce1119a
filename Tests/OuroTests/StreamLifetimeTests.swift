import Foundation
import Testing

@testable import Ouro

/// Tests that a stream keeps its engine alive while it is read, and that a cancelled text throws.
@Suite struct StreamLifetimeTests {
    private static let model = Fixtures.url("code_lm")
    private static let request = GenerationRequest(
        .text("public func append(_ "), maxTokens: 40, ignoresEndOfText: true)

    /// The tokens of an engine that a variable keeps alive.
    private static func expected() async throws -> [Int] {
        let engine = try Engine(modelAt: model)
        let tokens = try await engine.generate(request).reduce(into: []) { $0.append($1.id) }
        return withExtendedLifetime(engine) { tokens }
    }

    private static func stream() throws -> TokenStream { try Engine(modelAt: model).generate(request) }

    @Test func theEngineOfALoopLives() async throws {
        var tokens: [GeneratedToken] = []
        for try await token in try Engine(modelAt: Self.model).generate(Self.request) { tokens.append(token) }
        #expect(tokens.map(\.id) == (try await Self.expected()))
        #expect(tokens.last?.finishReason == .length)
    }

    @Test func theEngineOfATextLives() async throws {
        let engine = try Engine(modelAt: Self.model)
        let expected = try await engine.generate(Self.request).text()
        #expect(try await Engine(modelAt: Self.model).generate(Self.request).text() == expected)
        #expect(!expected.isEmpty)
    }

    @Test func theEngineOfAFunctionThatHasReturnedLives() async throws {
        let tokens = try await Self.stream().reduce(into: []) { $0.append($1.id) }
        #expect(tokens == (try await Self.expected()))
    }

    @Test func theEngineLivesWhenItsOwnerLetsItGo() async throws {
        var engine: Engine? = try Engine(modelAt: Self.model)
        let stream = try #require(try engine?.generate(Self.request))
        var tokens: [Int] = []
        for try await token in stream {
            tokens.append(token.id)
            if tokens.count == 1 { engine = nil }
        }
        #expect(tokens == (try await Self.expected()))
        #expect(engine == nil)
    }

    @Test func aStreamThatIsDroppedKeepsNoEngine() throws {
        weak var engine: Engine?
        do {
            let kept = try Engine(modelAt: Self.model)
            engine = kept
            _ = try kept.generate(Self.request)
        }
        #expect(engine == nil)
    }

    @Test func aCancelledTextThrows() async throws {
        let engine = try Engine(modelAt: Self.model)
        let task = Task {
            let stream = try engine.generate(Self.request)
            withUnsafeCurrentTask { $0?.cancel() }
            return try await stream.text()
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func errorsDescribeThemselvesToApps() {
        let error: any Error = OuroError(.invalidRequest, file: "config.json", field: "loops", "expected 1 to 64")
        #expect(error.localizedDescription == "config.json: loops: expected 1 to 64")
    }
}
