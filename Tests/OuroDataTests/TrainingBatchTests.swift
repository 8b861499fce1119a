import Testing

@testable import OuroData

/// Tests the arrays of a batch when its shape changes.
@Suite struct TrainingBatchTests {
    @Test func reshapingForgetsWhatWasThere() {
        var batch = TrainingBatch(rows: 2, length: 3)
        batch.tokens[4] = 7
        batch.targets[4] = 8
        batch.documentStart[4] = 1
        batch.reshape(rows: 3, length: 2)
        #expect(batch == TrainingBatch(rows: 3, length: 2))
        #expect(batch.targets == [-1, -1, -1, -1, -1, -1])
    }

    @Test func aSmallerShapeKeepsTheMemory() {
        var batch = TrainingBatch(rows: 8, length: 16)
        func places() -> [UnsafePointer<Int32>?] {
            [batch.tokens, batch.targets, batch.documentStart].map { $0.withUnsafeBufferPointer(\.baseAddress) }
        }
        let before = places()
        for (rows, length) in [(1, 1), (4, 32), (0, 16), (8, 16)] {
            batch.reshape(rows: rows, length: length)
            #expect(batch.tokens.count == rows * length && batch.documentStart.count == rows * length)
            #expect(places() == before, "\(rows) x \(length)")
        }
    }
}
