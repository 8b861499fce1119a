import Foundation
import Testing

@testable import OuroTraining

@Suite struct TensorBoardTests {
    @Test func checksumsAreCRC32C() {
        #expect(TensorBoardEvents.checksum(Data("123456789".utf8)) == 0xE306_9283)
    }

    @Test func messagesAreProtobuf() {
        var inner = ProtobufMessage()
        inner.add(1, "ab")
        var message = ProtobufMessage()
        message.add(2, UInt64(300))
        message.add(5, inner)
        message.add(2, Float(1))
        #expect(
            Array(message.bytes) == [0x10, 0xAC, 0x02, 0x2A, 0x04, 0x0A, 0x02, 0x61, 0x62, 0x15, 0, 0, 0x80, 0x3F])
    }

    @Test func recordsHaveLengthAndChecksums() {
        let record = TensorBoardEvents.record(Data([1, 2, 3]))
        #expect(record.count == 8 + 4 + 3 + 4)
        #expect(Array(record.prefix(8)) == [3, 0, 0, 0, 0, 0, 0, 0])
        #expect(Array(record[12..<15]) == [1, 2, 3])
    }
}

extension TensorBoardTests {
    @Test func exitsAreAHistogramWithABucketForEveryLoop() {
        var metrics = StepMetrics(loops: 2)
        metrics.exitSums = [3, 1]
        var expected = ProtobufMessage()
        expected.add(1, 1.0)  // smallest and largest loop
        expected.add(2, 2.0)
        expected.add(3, 4.0)  // positions
        expected.add(4, 5.0)  // 3 * 1 + 1 * 2
        expected.add(5, 7.0)  // 3 * 1 + 1 * 4
        expected.add(6, [1.5, 2.5])
        expected.add(7, [3.0, 1.0])
        #expect(TensorBoardEvents.histogram(metrics).bytes == expected.bytes)
        var packed = ProtobufMessage()
        packed.add(7, [1.0])
        #expect(Array(packed.bytes) == [0x3A, 8, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F])
    }
}
