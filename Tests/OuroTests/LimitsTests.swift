import Foundation
import Testing

@testable import Ouro

/// Tests that the engine accepts both ends of every range in the table of limits, and refuses values beyond them.
@Suite struct LimitsTests {
    private static let parameters: [(String, ClosedRange<Double>, @Sendable (Float) -> SamplingParameters)] = [
        ("temperature", RequestLimits.temperature, { SamplingParameters(temperature: $0) }),
        ("top_p", RequestLimits.topP, { SamplingParameters(topP: $0) }),
        ("min_p", RequestLimits.minP, { SamplingParameters(minP: $0) }),
        ("repetition_penalty", RequestLimits.repetitionPenalty, { SamplingParameters(repetitionPenalty: $0) }),
        ("presence_penalty", RequestLimits.penalty, { SamplingParameters(presencePenalty: $0) }),
        ("frequency_penalty", RequestLimits.penalty, { SamplingParameters(frequencyPenalty: $0) }),
        ("logit_bias", RequestLimits.logitBias, { SamplingParameters(logitBias: [1: $0]) }),
    ]

    private static func field(_ parameters: SamplingParameters) -> String? {
        do throws(OuroError) {
            try parameters.validate(vocabularySize: 10)
            return nil
        } catch {
            return error.field
        }
    }

    @Test func samplingParametersEndWhereTheTableSays() {
        for (name, range, make) in Self.parameters {
            let (lower, upper) = (Float(range.lowerBound), Float(range.upperBound))
            #expect(Self.field(make(lower)) == nil, "\(name) \(lower)")
            #expect(Self.field(make(upper)) == nil, "\(name) \(upper)")
            #expect(Self.field(make(lower.nextDown)) == name)
            #expect(Self.field(make(upper.nextUp)) == name)
        }
    }

    @Test func requestsEndWhereTheTableSays() throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"), options: EngineOptions(threads: 1))
        func field(_ change: (inout GenerationRequest) -> Void) -> String? {
            var request = GenerationRequest("let", maxTokens: 1)
            change(&request)
            do throws(OuroError) {
                _ = try engine.prepare(request)
                return nil
            } catch {
                return error.field
            }
        }
        #expect(field { $0.loops = 64 } == nil)
        #expect(field { $0.loops = 65 } == "loops")
        #expect(field { $0.exit = .fixed(loop: 64) } == nil)
        #expect(field { $0.exit = .fixed(loop: 65) } == "exit_at")
        #expect(field { $0.exit = .threshold(1000) } == nil)
        #expect(field { $0.exit = .threshold(1001) } == "exit_threshold")
        #expect(field { $0.draftTokens = 64 } == nil)
        #expect(field { $0.draftTokens = 65 } == "draft_tokens")
        #expect(field { $0.alternatives = 128 } == nil)
        #expect(field { $0.alternatives = 129 } == "alternatives")
    }

    /// The engine accepts every value that OpenAI's API accepts.
    @Test func theEnginesRangesContainThePublicOnes() {
        func contains(_ outer: ClosedRange<Double>, _ inner: ClosedRange<Double>) -> Bool {
            inner.clamped(to: outer) == inner
        }
        #expect(contains(RequestLimits.temperature, RequestLimits.OpenAI.temperature))
        #expect(contains(RequestLimits.topP, RequestLimits.OpenAI.topP))
        #expect(contains(RequestLimits.penalty, RequestLimits.OpenAI.penalty))
        #expect(contains(RequestLimits.logitBias, RequestLimits.OpenAI.logitBias))
        #expect(
            RequestLimits.OpenAI.alternatives.clamped(to: RequestLimits.alternatives)
                == RequestLimits.OpenAI.alternatives)
    }
}
