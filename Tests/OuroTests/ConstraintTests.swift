import Foundation
import Testing

@testable import Ouro

/// Tests constraints, the minimum length, and the alternatives of a token.
@Suite struct ConstraintTests {
    static let model = Fixtures.url("code_lm")

    /// Allows tokens whose parity differs from that of the last token. The result depends only on the tokens before.
    private final class Alternating: TokenConstraint {
        func allowTokens(after output: [Int], in mask: inout TokenMask) {
            let odd = (output.last ?? 1) % 2
            for id in 0..<mask.vocabularySize { mask[id] = id % 2 != odd }
        }
    }

    private static func run(_ engine: Engine, _ request: GenerationRequest) async throws -> [GeneratedToken] {
        var tokens: [GeneratedToken] = []
        for try await token in try engine.generate(request) { tokens.append(token) }
        return tokens
    }

    @Test(arguments: [Float(0), 0.9]) func constraintsHoldUnderEverySchedule(temperature: Float) async throws {
        let engine = try Engine(modelAt: Self.model, options: EngineOptions(threads: 1))
        var outcomes: [[[Int]]] = []
        for (wavefront, drafts) in [(false, 0), (true, 0), (true, 3)] {
            var request = GenerationRequest(
                .text("public func "), maxTokens: 40, sampling: SamplingParameters(temperature: temperature, seed: 5),
                exit: .threshold(0.7), ignoresEndOfText: true, wavefront: wavefront, draftTokens: drafts)
            request.constraint = Alternating()
            request.alternatives = 3
            let tokens = try await Self.run(engine, request)
            for (before, after) in zip(tokens, tokens.dropFirst()) {
                #expect((before.id + after.id) % 2 == 1, "\(before.id) then \(after.id)")
            }
            outcomes.append(
                tokens.map {
                    [$0.id, $0.exitLoop, Int($0.logProbability.bitPattern)]
                        + $0.alternatives.flatMap { [$0.id, Int($0.logProbability.bitPattern)] }
                })
        }
        #expect(outcomes[0] == outcomes[1], "the wavefront changes nothing")
        #expect(outcomes[0] == outcomes[2], "drafts change nothing")
    }

    @Test func textsDoNotEndBeforeTheirMinimum() async throws {
        let engine = try Engine(modelAt: Self.model, options: EngineOptions(threads: 1))
        var request = GenerationRequest(.text("public func "), maxTokens: 30)
        let free = try await Self.run(engine, request)
        let end = try #require(free.dropFirst(2).first?.id)
        request.stopTokens = [end]
        let ended = try await Self.run(engine, request)
        #expect(ended.last?.finishReason == .stop && ended.count <= 3)
        for wavefront in [true, false] {
            (request.minTokens, request.wavefront) = (10, wavefront)
            let longer = try await Self.run(engine, request)
            #expect(longer.count >= 10 && longer.prefix(9).allSatisfy { $0.id != end }, "\(longer.map(\.id))")
        }
        request.minTokens = 31
        #expect(throws: OuroError.self) { try engine.generate(request) }
    }

    @Test func alternativesAreTheLikeliestTokens() async throws {
        let engine = try Engine(modelAt: Self.model, options: EngineOptions(threads: 1))
        var request = GenerationRequest(.text("public func "), maxTokens: 6, ignoresEndOfText: true)
        request.alternatives = 4
        for token in try await Self.run(engine, request) {
            #expect(token.alternatives.count == 4)
            #expect(token.alternatives.first == TokenAlternative(id: token.id, logProbability: token.logProbability))
            let values = token.alternatives.map(\.logProbability)
            #expect(values == values.sorted(by: >))
        }
        let scores = try await engine.score(ScoringRequest(.text("let x"), alternatives: 2))
        for score in scores { #expect(score.alternatives.first?.id == score.argmax.last) }
        request.alternatives = 129
        #expect(throws: OuroError.self) { try engine.generate(request) }
    }
}
