import Foundation
import Testing

@testable import Ouro

@Suite struct SamplingTests {
    private struct Configurations: Decodable {
        struct Entry: Decodable {
            var temperature: Float?
            var top_k: Int?
            var top_p: Float?
            var min_p: Float?
            var repetition_penalty: Float?
        }
        let configs: [Entry]
    }

    private static func probabilities(_ parameters: SamplingParameters, _ logits: [Float], prompt: [Int] = [])
        -> [Float]
    {
        var logits = logits
        return logits.withUnsafeMutableBufferPointer { Sampler(parameters, prompt: prompt).probabilities($0) }
    }

    private static func choose(_ sampler: Sampler, _ logits: [Float], position: Int) -> Int {
        var logits = logits
        return logits.withUnsafeMutableBufferPointer { sampler.choose($0, position: position) }
    }

    @Test func probabilitiesAgreeWithTheReference() throws {
        let golden = try Golden("sampling_seed1")
        let data = try Data(contentsOf: Fixtures.url("sampling_seed1/golden.json"))
        let entries = try JSONDecoder().decode(Configurations.self, from: data).configs
        let logits = try golden.floats("logits")
        let context = try golden.ints("context")
        for (index, entry) in entries.enumerated() {
            let expected = try golden.floats("probs_\(index)")
            let parameters = SamplingParameters(
                temperature: entry.temperature ?? 1, topK: entry.top_k ?? 0, topP: entry.top_p ?? 1,
                minP: entry.min_p ?? 0, repetitionPenalty: entry.repetition_penalty ?? 1)
            for row in 0..<4 {
                let found = Self.probabilities(
                    parameters, Array(logits[(row * 96)..<(row * 96 + 96)]),
                    prompt: Array(context[(row * 12)..<(row * 12 + 12)]))
                expectClose(
                    found, expected[(row * 96)..<(row * 96 + 96)], absolute: 1e-5, relative: 1e-4,
                    "probabilities, setting \(index), row \(row)")
            }
        }
    }

    @Test func samplesFollowTheProbabilities() {
        let logits: [Float] = [0, 1, 2, -1, 0.5, -3]
        let parameters = SamplingParameters(temperature: 0.7, seed: 99)
        let expected = Self.probabilities(parameters, logits)
        let sampler = Sampler(parameters, prompt: [])
        var counts = [Int](repeating: 0, count: logits.count)
        let draws = 20_000
        for position in 0..<draws { counts[Self.choose(sampler, logits, position: position)] += 1 }
        // Pearson's statistic with five degrees of freedom stays below 20.5 in 99.9 % of cases.
        let statistic = zip(counts, expected).reduce(0.0) { sum, pair in
            let mean = Double(pair.1) * Double(draws)
            return sum + (Double(pair.0) - mean) * (Double(pair.0) - mean) / mean
        }
        #expect(statistic < 20.5)
    }

    @Test func noiseIsAFunctionOfSeedPositionAndToken() {
        // The authors' test vectors of Philox 4x32-10 have 6627e8d5 e169c58d first for counter 0 and key 0.
        let bits = UInt64(0x6627_e8d5) << 21 ^ UInt64(0xe169_c58d) >> 11
        #expect(CounterNoise(seed: 0).uniform(position: 0, token: 0) == (Double(bits) + 0.5) * 0x1p-53)
        let noise = CounterNoise(seed: 5)
        #expect(noise.uniform(position: 3, token: 4) == CounterNoise(seed: 5).uniform(position: 3, token: 4))
        #expect(noise.uniform(position: 3, token: 4) != noise.uniform(position: 4, token: 3))
        #expect(noise.uniform(position: 3, token: 4) != CounterNoise(seed: 6).uniform(position: 3, token: 4))
    }

    @Test func theSameSeedGivesTheSameText() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"))
        func text(_ seed: UInt64) async throws -> String {
            try await engine.generate(
                GenerationRequest("func ", maxTokens: 40, sampling: SamplingParameters(temperature: 1, seed: seed))
            ).text()
        }
        let first = try await text(1)
        #expect(try await text(1) == first)
        #expect(try await text(2) != first)
    }

    @Test func penaltiesCountTheOutput() {
        var sampler = Sampler(SamplingParameters(presencePenalty: 0.5, frequencyPenalty: 0.25), prompt: [0])
        #expect(Self.choose(sampler, [1.0, 0.9, 0], position: 0) == 0, "a token of the prompt is not penalised")
        sampler.append(0)
        #expect(Self.choose(sampler, [1.0, 0.9, 0], position: 1) == 1)
        sampler.append(1)
        sampler.append(1)
        #expect(Self.choose(sampler, [1.0, 1.1, 0], position: 1) == 0, "two occurrences weigh more than one")
    }

    @Test func biasForcesAndForbids() {
        let forced = Sampler(SamplingParameters(logitBias: [2: 100]), prompt: [])
        #expect(Self.choose(forced, [5, 4, 0], position: 0) == 2)
        let forbidden = Sampler(SamplingParameters(logitBias: [0: -100]), prompt: [])
        #expect(Self.choose(forbidden, [5, 4, 0], position: 0) == 1)
    }

    @Test func parametersOutOfRangeAreNamed() {
        let bad: [(SamplingParameters, String)] = [
            (SamplingParameters(temperature: -1), "temperature"),
            (SamplingParameters(temperature: .nan), "temperature"),
            (SamplingParameters(topK: -1), "top_k"), (SamplingParameters(topP: 1.5), "top_p"),
            (SamplingParameters(minP: -0.1), "min_p"), (SamplingParameters(repetitionPenalty: 0), "repetition_penalty"),
            (SamplingParameters(presencePenalty: .infinity), "presence_penalty"),
            (SamplingParameters(logitBias: [99: 1]), "logit_bias"),
            (SamplingParameters(logitBias: [1: .nan]), "logit_bias"),
        ]
        for (parameters, field) in bad {
            let error = #expect(throws: OuroError.self) { try parameters.validate(vocabularySize: 10) }
            #expect(error?.field == field)
        }
    }
}

@Suite struct StopTests {
    @Test func stopStringsSpanPieces() {
        var matcher = StopMatcher(["END", "\n\n"])
        #expect(matcher.append("hello E") == ("hello ", false))
        #expect(matcher.append("N") == ("", false))
        #expect(matcher.append("ough E") == ("ENough ", false))
        #expect(matcher.append("ND of it") == ("", true))
    }

    @Test func theEarliestStopWins() {
        var matcher = StopMatcher(["b", "ab"])
        #expect(matcher.append("xxab") == ("xx", true))
    }

    @Test func heldTextComesOutAtTheEnd() {
        var matcher = StopMatcher(["stop"])
        #expect(matcher.append("please sto") == ("please ", false))
        #expect(matcher.finish() == "sto")
    }

    @Test func overlappingBeginningsAreFound() {
        var matcher = StopMatcher(["aab"])
        #expect(matcher.append("aa") == ("", false))
        #expect(matcher.append("ab") == ("a", true))
    }

    @Test func aStopStringEndsTheText() async throws {
        let engine = try Engine(modelAt: Fixtures.url("code_lm"))
        let whole = try await engine.generate(GenerationRequest("public func append(_ ", maxTokens: 60)).text()
        let stop = String(whole.dropFirst(10).prefix(5))
        let cut = try await engine.generate(
            GenerationRequest(.text("public func append(_ "), maxTokens: 60, stop: [stop])
        ).text()
        let range = try #require(whole.range(of: stop))
        #expect(cut == String(whole[..<range.lowerBound]))
    }
}
