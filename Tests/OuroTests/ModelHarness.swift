import Foundation
import Testing

@testable import Ouro

/// Runs passes of a fixture's model on the test's own thread.
final class ModelHarness {
    let configuration: ModelConfiguration
    let device: CPUDevice
    let pool: KVPool
    private let slots = SlotAllocator()

    init(
        _ fixture: String, in root: URL = Fixtures.root, threads: Int = 1, kernels: Kernels? = nil,
        firstPosition: Int = 0, kvType: KVType = .f32,
        overrides: (inout ModelConfiguration) -> Void = { _ in }
    ) throws {
        let folder = root.appendingPathComponent(fixture)
        configuration = try LoadedModel.configuration(of: folder, overrides: overrides)
        device = try LoadedModel(
            folder: folder, configuration: configuration, kernels: kernels ?? Kernels.select(nil),
            pool: WorkerPool(threadCount: threads)
        ).makeDevice(kvType: kvType, firstPosition: firstPosition)
        pool = KVPool(device: device, budget: 256 << 20)
    }

    func cache(positions: Int, loops: Int? = nil) throws -> SequenceCache {
        try #require(SequenceCache(pool: pool, positions: positions, loops: loops ?? configuration.loops))
    }

    /// Runs all tokens through all loops in one chunk. `visit` gets every loop's outcomes, hidden states and logits.
    func prefill(
        _ tokens: [Int], loops: Int? = nil,
        visit: (_ loop: Int, _ outcomes: [RowOutcome], _ hidden: [[Float]], _ logits: [[Float]]) -> Void
    ) throws {
        let loops = loops ?? configuration.loops
        let cache = try cache(positions: tokens.count, loops: loops)
        let chunk = tokens.map { _ in slots.take() }
        device.reserveSlots(slots.count)
        defer { for slot in chunk { slots.giveBack(slot) } }
        var outcomes: [RowOutcome] = []
        for loop in 1...loops {
            let rows = tokens.indices.map {
                Row(table: cache.table, position: $0, loop: loop, token: tokens[$0], slot: chunk[$0])
            }
            device.run(rows, outcomes: &outcomes)
            let hidden = chunk.map {
                Array(UnsafeBufferPointer(start: device.hiddenState($0), count: configuration.hiddenSize))
            }
            visit(loop, outcomes, hidden, logits(chunk))
        }
    }

    func logits(_ slots: [SlotID]) -> [[Float]] {
        var result: [[Float]] = []
        for start in stride(from: 0, to: slots.count, by: LoopedTransformer.readoutBatch) {
            let batch = slots[start..<min(start + LoopedTransformer.readoutBatch, slots.count)]
            let rows = device.logits(of: batch)
            for index in 0..<batch.count { result.append(rows.values(index)) }
        }
        return result
    }
}

/// The golden tensors of a fixture.
struct Golden {
    let file: SafetensorsFile

    init(_ fixture: String) throws {
        file = try SafetensorsFile(contentsOf: Fixtures.url("\(fixture)/golden.safetensors"))
    }

    func floats(_ name: String) throws -> [Float] { try file.floats(name) }
    func ints(_ name: String) throws -> [Int] { try file.ints(name).map { Int($0) } }
    func has(_ name: String) -> Bool { file.tensors[name] != nil }
    func shape(_ name: String) throws -> [Int] { try #require(file.tensors[name]).shape }
}

/// Expects that two lists agree to an absolute plus a relative tolerance. Reports the worst element.
func expectClose(
    _ found: [Float], _ expected: ArraySlice<Float>, absolute: Float = 1e-4, relative: Float = 1e-4, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard found.count == expected.count else {
        Issue.record("\(what): \(found.count) values, expected \(expected.count)", sourceLocation: sourceLocation)
        return
    }
    var worst: (index: Int, excess: Float) = (0, -.infinity)
    for (index, (a, b)) in zip(found, expected).enumerated() {
        let excess = abs(a - b) - (absolute + relative * abs(b))
        if !(excess <= worst.excess) { worst = (index, excess) }
    }
    let at = worst.index
    let wanted = expected.isEmpty ? 0 : expected[expected.startIndex + at]
    #expect(
        worst.excess <= 0, "\(what)[\(at)]: \(found.isEmpty ? 0 : found[at]), expected \(wanted)",
        sourceLocation: sourceLocation)
}
