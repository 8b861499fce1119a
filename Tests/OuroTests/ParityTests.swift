import Foundation
import Testing

@testable import Ouro

/// Compares the results with the reference implementation: every fixture, every loop, every kernel variant.
@Suite struct ParityTests {
    static let cases = [
        "a_base_mha_fp32_seed1", "b_bf16_seed1", "c_gqa_headdim24_seed1", "e_ut6_seed1", "i_odd_dims_seed1",
    ]
    static let variants = Kernels.available.map(\.name)

    @Test(arguments: cases, variants)
    func everyLoopAgreesWithTheReference(fixture: String, variant: String) throws {
        let golden = try Golden(fixture)
        let harness = try ModelHarness(fixture, threads: 2, kernels: try Kernels.select(variant))
        let tokens = try golden.ints("input_ids")
        let hidden = try golden.floats("ut_hidden")
        let gates = try golden.floats("gate_logits")
        let logits = try golden.floats("logits_step")
        let (rows, width) = (tokens.count, harness.configuration.hiddenSize)
        let vocabulary = harness.configuration.vocabularySize
        var layers: [[Float]] = Array(repeating: [], count: harness.configuration.layerCount)
        harness.device.transformer.taps.residual = { layer, _, residual in layers[layer] += residual }
        try harness.prefill(tokens) { loop, outcomes, states, scores in
            let first = (loop - 1) * rows
            expectClose(
                states.flatMap { $0 }, hidden[(first * width)..<((first + rows) * width)], "hidden, loop \(loop)")
            expectClose(outcomes.map(\.gateLogit), gates[first..<(first + rows)], "gate, loop \(loop)")
            expectClose(
                scores.flatMap { $0 }, logits[(first * vocabulary)..<((first + rows) * vocabulary)],
                "logits, loop \(loop)")
            if loop <= 2, let stream = try? golden.floats("layer_out_ut\(loop - 1)") {
                expectClose(layers.flatMap { $0 }, stream[...], "layers, loop \(loop)")
            }
            layers = layers.map { _ in [] }
        }
    }

    @Test(arguments: cases)
    func exitDistributionAndStepsAgree(fixture: String) throws {
        let golden = try Golden(fixture)
        let harness = try ModelHarness(fixture)
        let tokens = try golden.ints("input_ids")
        let loops = harness.configuration.loops
        let thresholds: [Float] = [0.2, 0.5, 0.7, 0.9, 1.0]
        var trackers = thresholds.map { threshold in
            tokens.map { _ in ExitTracker(loops: loops, policy: .threshold(threshold)) }
        }
        var weighted = tokens.map { _ in ExitTracker(loops: loops, policy: .weighted) }
        var averages = tokens.map { _ in [Float](repeating: 0, count: harness.configuration.vocabularySize) }
        try harness.prefill(tokens) { _, outcomes, _, logits in
            for row in tokens.indices {
                for index in trackers.indices { trackers[index][row].advance(outcomes[row]) }
                weighted[row].advance(outcomes[row])
                let probability = weighted[row].distribution.last ?? 0
                for token in averages[row].indices { averages[row][token] += probability * logits[row][token] }
            }
        }
        let pdf = trackers[0].flatMap(\.distribution)
        expectClose(pdf, try golden.floats("exit_pdf")[...], absolute: 1e-5, "exit_pdf")
        let steps = try golden.ints("exit_steps_thr")
        for (index, threshold) in thresholds.enumerated() {
            let found = trackers[index].map { ($0.exitLoop ?? 0) - 1 }
            let expected = Array(steps[(index * tokens.count)..<((index + 1) * tokens.count)])
            #expect(found == expected, "exit steps at threshold \(threshold)")
        }
        expectClose(averages.flatMap { $0 }, try golden.floats("logits_weighted")[...], "logits_weighted")
    }

    @Test func positionsFarFromZeroAgree() throws {
        let fixture = "a_base_mha_fp32_seed1"
        let golden = try Golden(fixture)
        let tokens = try golden.ints("input_ids")
        let harness = try ModelHarness(fixture, firstPosition: 65_000)
        var last: [[Float]] = []
        try harness.prefill(tokens) { _, _, _, logits in last = logits.suffix(3) }
        expectClose(last.flatMap { $0 }, try golden.floats("longpos_logits_last3")[...], "logits from position 65 000")
    }

    @Test(arguments: cases + ["j_long_prompt_seed1"])
    func teacherForcedLogProbabilitiesAgree(fixture: String) async throws {
        let golden = try Golden(fixture)
        let engine = try Engine(modelAt: Fixtures.url(fixture), options: EngineOptions(threads: 2, prefillChunk: 100))
        let tokens = try golden.ints("input_ids")
        let scored = try await engine.score(.tokens(tokens))
        let expected = try golden.floats("token_logprobs_step")
        let count = tokens.count - 1
        for loop in 0..<engine.configuration.loops {
            let found = scored.dropFirst().compactMap { $0.logProbabilities?[loop] }
            expectClose(
                found, expected[(loop * count)..<((loop + 1) * count)], absolute: 2e-4, "log p, loop \(loop + 1)")
        }
        expectClose(
            scored.flatMap(\.exitDistribution), try golden.floats("exit_pdf")[...], absolute: 2e-5, "exit distribution")
    }

    struct Continuation: Sendable {
        let name: String
        let exit: ExitPolicy
        let loops: Int?
    }

    static let continuations = [
        Continuation(name: "thr1.0", exit: .threshold(1), loops: nil),
        Continuation(name: "thr0.6", exit: .threshold(0.6), loops: nil),
        Continuation(name: "atstep1", exit: .fixed(loop: 2), loops: nil),
        Continuation(name: "ut1", exit: .threshold(1), loops: 1),
        Continuation(name: "ut2", exit: .threshold(1), loops: 2),
        Continuation(name: "ut3", exit: .threshold(1), loops: 3),
    ]

    @Test(arguments: cases + ["j_long_prompt_seed1"])
    func greedyContinuationsAgree(fixture: String) async throws {
        let golden = try Golden(fixture)
        let engine = try Engine(modelAt: Fixtures.url(fixture), options: EngineOptions(threads: 2))
        let ids = try golden.ints("input_ids")
        let prompt = fixture.hasPrefix("j_") ? ids : Array(ids.prefix(8))
        for continuation in Self.continuations where golden.has("gen_\(continuation.name)_tokens") {
            let expected = try golden.ints("gen_\(continuation.name)_tokens")
            let stream = try engine.generate(
                GenerationRequest(
                    .tokens(prompt), maxTokens: expected.count, exit: continuation.exit, loops: continuation.loops,
                    ignoresEndOfText: true))
            var found: [GeneratedToken] = []
            for try await token in stream { found.append(token) }
            #expect(found.map(\.id) == expected, "tokens, \(continuation.name)")
            expectClose(
                found.map(\.logProbability), try golden.floats("gen_\(continuation.name)_logprob")[...], absolute: 2e-4,
                "log p, \(continuation.name)")
            if case .threshold = continuation.exit {
                #expect(
                    try found.map { $0.exitLoop - 1 } == golden.ints("gen_\(continuation.name)_exit"),
                    "exit steps, \(continuation.name)")
            }
            #expect(found.map(\.position) == (0..<expected.count).map { prompt.count + $0 })
            #expect(found.last?.finishReason == .length)
        }
    }

    @Test func endOfTextStopsTheContinuation() async throws {
        let golden = try Golden("a_base_mha_fp32_seed1")
        let engine = try Engine(modelAt: Fixtures.url("a_base_mha_fp32_seed1"))
        let prompt = try Array(golden.ints("input_ids").prefix(8))
        // The reference generated 32 tokens and ignored the end of the text.
        let tokens = try golden.ints("gen_thr1.0_tokens")
        let end = try #require(tokens.firstIndex { engine.endOfTextTokens.contains($0) })
        try #require(end + 1 < tokens.count)
        var found: [GeneratedToken] = []
        for try await token in try engine.generate(GenerationRequest(.tokens(prompt), maxTokens: 32)) {
            found.append(token)
        }
        #expect(found.map(\.id) == Array(tokens[...end]))
        #expect(found.last?.finishReason == .stop)
    }
}
