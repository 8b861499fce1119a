import Testing

@testable import OuroData

struct TrainingBatchTests {
    @Test func reshapingForgetsWhatWasThere() {
        var batch = TrainingBatch(rows: 2, length: 3)
        batch.tokens[4] = 7
        batch.targets[4] = 8
        batch.documentStart[4] = 1
        batch.reshape(rows: 3, length: 2)
        #expect(batch == TrainingBatch(rows: 3, length: 2))
        #expect(batch.targets == [-1, -1, -1, -1, -1, -1])
    }
}
