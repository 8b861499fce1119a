import Foundation

@testable import Ouro

/// A model made of hashes instead of matrices: a row's state depends on its input and on what all positions up to its own
/// wrote at its loop, so one stale key anywhere changes everything after it. Its loops mostly agree on the next token.
final class ScriptedModel: PassModel {
    let layout: KVLayout
    let kernels: Kernels
    let states = RowStates(hiddenSize: 1)
    /// The next token after a loop (1-based), given the tokens so far, or nil to leave it to hashes.
    var script: ((_ tokens: [Int], _ loop: Int) -> Int?)?
    /// How often a loop has an opinion of its own, of 100.
    var disagreement: UInt64 = 25
    /// Every pass: how many rows it had.
    private(set) var passes: [Int] = []
    /// Rows whose logits were computed.
    private(set) var readouts = 0

    static let vocabulary = 12

    /// What a row leaves in its page, in place of keys and values.
    private struct Written {
        var input: UInt64
        var token: Int
    }
    private var hidden: [Int: (state: UInt64, tokens: [Int], loop: Int)] = [:]
    private var rows = FloatRows(rows: LoopedTransformer.readoutBatch, columns: ScriptedModel.vocabulary)

    init() throws {
        let configuration = ModelConfiguration(
            vocabularySize: Self.vocabulary, hiddenSize: 16, intermediateSize: 16, layerCount: 1, headCount: 1,
            contextLength: 4096, totalUTSteps: 4)
        layout = KVLayout(configuration, type: .f32)
        kernels = try Kernels.select("portable")
    }

    static func mix(_ values: UInt64...) -> UInt64 {
        values.reduce(0x9E37_79B9_7F4A_7C15) { hash, value in
            var z = (hash ^ value) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 29)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 32)
        }
    }

    func run(_ pass: inout Pass) {
        passes.append(pass.rows.count)
        var inputs: [UInt64] = []
        for row in pass.rows {
            row.cache.prepare(position: row.position, loop: row.loop)
            let input = row.loop == 1 ? Self.mix(UInt64(row.token)) : hidden[row.slot]?.state ?? 0
            inputs.append(input)
            Self.entry(row.cache, position: row.position, loop: row.loop).pointee =
                Written(input: input, token: row.token)
        }
        for (row, input) in zip(pass.rows, inputs) {
            var state = input
            var tokens: [Int] = []
            for position in 0...row.position {
                let written = Self.entry(row.cache, position: position, loop: row.loop).pointee
                state = Self.mix(state, written.input)
                tokens.append(written.token)
            }
            hidden[row.slot] = (state, tokens, row.loop)
            let gate = Float(Int(state % 2001) - 1000) / 400
            pass.outcomes.append(RowOutcome(gateLogit: gate, change: Float(state % 97) / 97))
        }
    }

    private static func entry(_ cache: SequenceCache, position: Int, loop: Int) -> UnsafeMutablePointer<Written> {
        cache.page(position: position, loop: loop).assumingMemoryBound(to: Written.self)
            + position % KVLayout.positionsPerBlock
    }

    func logits(slots: ArraySlice<Int>) -> FloatRows {
        readouts += slots.count
        for (index, slot) in slots.enumerated() {
            guard let (state, tokens, loop) = hidden[slot] else { continue }
            let history = tokens.reduce(UInt64(7)) { Self.mix($0, UInt64($1)) }
            let own = Self.mix(history, UInt64(loop))
            let favourite =
                script?(tokens, loop)
                ?? Int((own % 100 < disagreement ? own >> 8 : history >> 8) % UInt64(Self.vocabulary))
            for token in 0..<Self.vocabulary {
                let noise = Float(Self.mix(state, UInt64(token)) % 1000) / 1000
                rows.row(index)[token] = noise + (token == favourite ? 3 : 0)
            }
        }
        return rows
    }

    /// What came of requests that ran together.
    struct Outcome: Equatable {
        var tokens: [Int] = []
        var logProbabilities: [UInt32] = []
        var exits: [Int] = []
        var distributions: [[UInt32]] = []
        var reason: FinishReason?
    }

    /// Runs requests to their ends; `steer` may cancel some between passes.
    static func run(
        _ requests: [(prompt: [Int], request: ResolvedRequest)], rowsPerPass: Int = 512, freeRows: Int = 16,
        budget: Int = 64 << 20, model: ScriptedModel
    ) async throws -> (outcomes: [Outcome], statistics: [GenerationStatistics?], leaks: (Int, Int)) {
        let pool = KVPool(layout: model.layout, budget: budget)
        let scheduler = Scheduler(model: model, pool: pool, rowsPerPass: rowsPerPass, freeRows: freeRows)
        var streams: [AsyncThrowingStream<GeneratedToken, any Error>] = []
        for (prompt, request) in requests {
            let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
            streams.append(stream)
            scheduler.submit(
                GenerationTask(
                    prompt: prompt, request: request, continuation: continuation, cancelled: CancellationFlag()))
        }
        while !scheduler.isIdle { scheduler.runPass() }
        var outcomes: [Outcome] = []
        var statistics: [GenerationStatistics?] = []
        for stream in streams {
            var outcome = Outcome()
            var last: GenerationStatistics?
            for try await token in stream {
                outcome.tokens.append(token.id)
                outcome.logProbabilities.append(token.logProbability.bitPattern)
                outcome.exits.append(token.exitLoop)
                outcome.distributions.append(token.exitDistribution.map(\.bitPattern))
                outcome.reason = token.finishReason
                last = token.statistics
            }
            outcomes.append(outcome)
            statistics.append(last)
        }
        return (outcomes, statistics, (pool.blocksInUse, model.states.used))
    }

    static func request(
        maxTokens: Int = 20, loops: Int = 4, exit: ExitPolicy = .allLoops, sampling: SamplingParameters = .init(),
        endTokens: Set<Int> = [], chunk: Int = 256, wavefront: Bool = true, draftTokens: Int = 0
    ) -> ResolvedRequest {
        ResolvedRequest(
            loops: loops, exit: exit, maxTokens: maxTokens, endTokens: endTokens, sampling: sampling,
            prefillChunk: chunk, wavefront: wavefront, draftTokens: draftTokens,
            text: TextAssembler(tokenizer: nil, stop: [], showsSpecialTokens: false))
    }
}
