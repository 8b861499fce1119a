import Testing

@testable import Ouro

/// A generation whose tokens nobody takes pauses. Others go on, and nothing is lost.
@Suite(.timeLimit(.minutes(5))) struct TokenBacklogTests {
    private static let limit = 8

    private static func request(_ engine: Engine) throws -> PreparedRequest {
        try engine.prepare(GenerationRequest(.text("public func "), maxTokens: 300, ignoresEndOfText: true))
    }

    /// A generation that has paused.
    private static func paused(_ engine: Engine) async throws -> TokenStream {
        let stream = engine.generate(try request(engine), backlog: limit)
        let backlog = try #require(stream.backlog)
        // A pass lies between two answers.
        while !backlog.isFull { _ = await engine.usage() }
        return stream
    }

    @Test func aGenerationWaitsForItsReceiver() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1))
        let slow = try await Self.paused(engine)
        let passes = engine.load.passes
        for _ in 0..<4 { _ = await engine.usage() }
        #expect(engine.load.passes == passes, "a paused generation takes no passes")
        let other = try await engine.generate(try Self.request(engine)).reduce(into: []) { $0.append($1.id) }
        #expect(other.count == 300)
        // A pass may emit several tokens, at most one for each of its rows.
        #expect((slow.backlog?.pending ?? 0) < Self.limit + 32)
        let tokens = try await slow.reduce(into: []) { $0.append($1.id) }
        #expect(tokens == other)
        #expect(await engine.becomesIdle())
    }

    @Test func aPausedGenerationThatIsCancelledIsFreed() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1))
        var slow: TokenStream? = try await Self.paused(engine)
        #expect(slow != nil)
        slow = nil
        #expect(await engine.becomesIdle())
    }

    @Test func manyPausedGenerationsGoOnInAnyOrder() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1))
        var streams: [TokenStream] = []
        for _ in 0..<4 { streams.append(engine.generate(try Self.request(engine), backlog: Self.limit)) }
        let alone = try await engine.generate(try Self.request(engine)).reduce(into: []) { $0.append($1.id) }
        for stream in streams.reversed() {
            let tokens = try await stream.reduce(into: []) { $0.append($1.id) }
            #expect(tokens == alone)
        }
    }
}
