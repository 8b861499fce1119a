import Foundation
import Testing

@testable import Ouro

/// A device that computes hashes instead of matrix products. A row's state depends on its input and on what all
/// positions up to its own wrote at its loop. So one stale key changes everything after it. Its loops mostly agree on
/// the next token.
final class ScriptedDevice: PassDevice {
    let layout: KVLayout
    let name = "scripted"
    let policies: Set<KVPolicy> = [.full]
    /// Returns the next token after a loop (1-based), given the tokens so far. If it returns nil, a hash decides.
    var script: ((_ tokens: [Int], _ loop: Int) -> Int?)?
    /// The percentage of readouts in which a loop chooses its token independently of the others.
    var disagreement: UInt64 = 25
    /// The number of rows of each pass.
    private(set) var passes: [Int] = []
    /// The number of readouts.
    private(set) var readouts = 0

    static let vocabulary = 12

    /// What a row writes to its block instead of keys and values.
    struct Written {
        var input: UInt64 = 0
        var token = -1
    }
    private var blocks: [BlockID: [Written]] = [:]
    private var blockCount = 0
    private var tables: [TableID: [[BlockID?]]] = [:]
    private var tableCount = 0
    private var slotCount = 0
    private var hidden: [SlotID: (state: UInt64, tokens: [Int], loop: Int)] = [:]
    private let reader = LogitReader(
        kernels: .portable, threads: 1, vocabularySize: ScriptedDevice.vocabulary)

    init() {
        layout = KVLayout(
            ModelConfiguration(
                vocabularySize: Self.vocabulary, hiddenSize: 16, intermediateSize: 16, layerCount: 1, headCount: 1,
                contextLength: 4096, loops: 4), type: .f32)
    }

    // MARK: memory

    func makeBlock(_ kind: BlockKind) -> BlockID {
        #expect(kind == .full)
        blockCount += 1
        blocks[BlockID(blockCount)] = Array(repeating: Written(), count: KVLayout.positionsPerBlock)
        return BlockID(blockCount)
    }

    func free(_ block: BlockID) { #expect(blocks.removeValue(forKey: block) != nil, "a block is freed once") }

    func makeTable(pages: Int, loops: Int, policy: KVPolicy) -> TableID {
        tableCount += 1
        tables[TableID(tableCount)] = Array(repeating: Array(repeating: nil, count: pages), count: loops)
        return TableID(tableCount)
    }

    func free(_ table: TableID) { #expect(tables.removeValue(forKey: table) != nil, "a table is freed once") }
    func set(_ table: TableID, page: Int, loop: Int, to block: BlockID?) { tables[table]?[loop][page] = block }
    func set(_ table: TableID, mode: TableMode) { #expect(mode == .full) }
    func reserveSlots(_ count: Int) { slotCount = max(slotCount, count) }
    func collapse(_ collapse: Collapse) { Issue.record("the scripted device collapses nothing") }
    func storeMean(of table: TableID, position: Int, loops: Int) { Issue.record("it has no averages") }
    func seconds(rows: Int) -> Double { 1 }

    /// The number of blocks and of tables that exist.
    var allocated: (blocks: Int, tables: Int) { (blocks.count, tables.count) }

    /// The block that holds a page at a loop (1-based).
    func block(_ table: TableID, page: Int, loop: Int) -> BlockID? { tables[table]?[loop - 1][page] }

    /// What is written at a position and loop (1-based).
    subscript(table: TableID, position: Int, loop: Int) -> Written {
        get {
            let (page, offset) = position.quotientAndRemainder(dividingBy: KVLayout.positionsPerBlock)
            guard let block = block(table, page: page, loop: loop), let written = blocks[block] else {
                Issue.record("position \(position) has no block at loop \(loop)")
                return Written()
            }
            return written[offset]
        }
        set {
            let (page, offset) = position.quotientAndRemainder(dividingBy: KVLayout.positionsPerBlock)
            guard let block = block(table, page: page, loop: loop) else {
                Issue.record("position \(position) has no block at loop \(loop)")
                return
            }
            blocks[block]?[offset] = newValue
        }
    }

    // MARK: work

    static func mix(_ values: UInt64...) -> UInt64 {
        values.reduce(0x9E37_79B9_7F4A_7C15) { hash, value in
            var z = (hash ^ value) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 29)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 32)
        }
    }

    func run(_ rows: [Row], outcomes: inout [RowOutcome]) {
        passes.append(rows.count)
        outcomes.removeAll()
        var inputs: [UInt64] = []
        for row in rows {
            #expect(Int(row.slot.index) < slotCount, "slots are reserved before they are used")
            let input = row.loop == 1 ? Self.mix(UInt64(row.token)) : hidden[row.slot]?.state ?? 0
            inputs.append(input)
            self[row.table, Int(row.position), Int(row.loop)] = Written(input: input, token: Int(row.token))
        }
        for (row, input) in zip(rows, inputs) {
            var state = input
            var tokens: [Int] = []
            for position in 0...Int(row.position) {
                let written = self[row.table, position, Int(row.loop)]
                state = Self.mix(state, written.input)
                tokens.append(written.token)
            }
            hidden[row.slot] = (state, tokens, Int(row.loop))
            let gate = Float(Int(state % 2001) - 1000) / 400
            outcomes.append(RowOutcome(gateLogit: gate, change: Float(state % 97) / 97))
        }
    }

    func readOut(_ readouts: [Readout], results: inout [ReadoutResult]) {
        self.readouts += readouts.count
        let scratch = FloatRows(rows: 1, columns: Self.vocabulary)
        results = readouts.map { readout in
            guard let (state, tokens, loop) = hidden[readout.slot] else { return ReadoutResult() }
            let history = tokens.reduce(UInt64(7)) { Self.mix($0, UInt64($1)) }
            let own = Self.mix(history, UInt64(loop))
            let favourite =
                script?(tokens, loop)
                ?? Int((own % 100 < disagreement ? own >> 8 : history >> 8) % UInt64(Self.vocabulary))
            for token in 0..<Self.vocabulary {
                let noise = Float(Self.mix(state, UInt64(token)) % 1000) / 1000
                scratch.row(0)[token] = noise + (token == favourite ? 3 : 0)
            }
            return reader.read(
                UnsafeMutableBufferPointer(start: scratch.row(0), count: Self.vocabulary), readout)
        }
    }

    /// What one of the requests that ran together produced.
    struct Outcome: Equatable {
        var tokens: [Int] = []
        var logProbabilities: [UInt32] = []
        var exits: [Int] = []
        var distributions: [[UInt32]] = []
        var reason: FinishReason?
    }

    /// Runs requests together until all have ended.
    static func run(
        _ requests: [(prompt: [Int], request: ResolvedRequest)], rowsPerPass: Int = 512, freeRows: Int = 16,
        budget: Int = 64 << 20, model: ScriptedDevice
    ) async throws -> (outcomes: [Outcome], statistics: [GenerationStatistics?], leaks: (Int, Int)) {
        let pool = KVPool(device: model, budget: budget)
        let scheduler = Scheduler(device: model, pool: pool, rowsPerPass: rowsPerPass, freeRows: freeRows)
        var streams: [AsyncThrowingStream<GeneratedToken, any Error>] = []
        for (prompt, request) in requests {
            let (stream, continuation) = AsyncThrowingStream<GeneratedToken, any Error>.makeStream()
            streams.append(stream)
            scheduler.submit(
                GenerationTask(
                    prompt: prompt, request: request, continuation: continuation, cancelled: AtomicFlag()))
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
        return (outcomes, statistics, (pool.blocksInUse, scheduler.slots.used))
    }

    static func request(
        maxTokens: Int = 20, loops: Int = 4, exit: ExitPolicy = .allLoops, sampling: SamplingParameters = .init(),
        endTokens: Set<Int> = [], chunk: Int = 256, wavefront: Bool = true, draftTokens: Int = 0
    ) -> ResolvedRequest {
        ResolvedRequest(
            vocabularySize: vocabulary, loops: loops, exit: exit, maxTokens: maxTokens, endTokens: endTokens,
            sampling: sampling, prefillChunk: chunk, wavefront: wavefront, draftTokens: draftTokens)
    }
}
