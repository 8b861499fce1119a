import Foundation
import Ouro

/// Writes an event file for TensorBoard. Each record has a length, a protobuf message `Event`, and checksums of both.
///
/// Only the fields for scalars and histograms are encoded:
///
/// | message | fields |
/// | --- | --- |
/// | Event | wall_time (1), step (2), file_version (3), summary (5) |
/// | Summary | value (1) |
/// | Value | tag (1), simple_value (2), histo (5) |
/// | HistogramProto | min (1), max (2), num (3), sum (4), sum_squares (5), bucket_limit (6), bucket (7) |
///
/// Every run of the program starts a new file.
final class TensorBoardEvents {
    private let handle: FileHandle
    private let path: String

    /// Creates the file in a folder, and the folder if it does not exist.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`.
    init(folder: URL) throws(OuroError) {
        let time = Int(Date().timeIntervalSince1970)
        let url = folder.appendingPathComponent("events.out.tfevents.\(time).\(UUID().uuidString.prefix(8)).ouro")
        path = url.path
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data().write(to: url)
            handle = try FileHandle(forWritingTo: url)
        } catch {
            throw Self.failure(url.path, error)
        }
        var event = ProtobufMessage()
        event.add(1, Date().timeIntervalSince1970)
        event.add(3, "brain.Event:2")
        try write(event)
    }

    /// Appends the metrics of one step.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`.
    func append(_ report: StepReport) throws(OuroError) {
        var scalars: [(String, Double)] = [
            ("loss/objective", report.metrics.objective), ("gate/entropy", report.metrics.entropy),
            ("gate/mean_exit_loop", report.metrics.meanExitLoop), ("optimizer/learning_rate", report.learningRate),
            ("optimizer/gradient_norm", report.gradientNorm), ("speed/tokens_per_second", report.tokensPerSecond),
        ]
        for (loop, loss) in report.metrics.crossEntropy.enumerated() {
            scalars.append(("loss/loop_\(loop + 1)", loss))
        }
        for (loop, share) in report.metrics.exitDistribution.enumerated() {
            scalars.append(("gate/exit_at_loop_\(loop + 1)", share))
        }
        var summary = ProtobufMessage()
        for (tag, value) in scalars {
            var entry = ProtobufMessage()
            entry.add(1, tag)
            entry.add(2, Float(value))
            summary.add(1, entry)
        }
        var exits = ProtobufMessage()
        exits.add(1, "gate/exit_loop")
        exits.add(5, Self.histogram(report.metrics))
        summary.add(1, exits)
        var event = ProtobufMessage()
        event.add(1, Date().timeIntervalSince1970)
        event.add(2, UInt64(report.progress.step))
        event.add(5, summary)
        try write(event)
    }

    /// The histogram of exit loops. Each loop has one bucket around its number.
    static func histogram(_ metrics: StepMetrics) -> ProtobufMessage {
        let counts = metrics.exitSums
        func moment(_ power: Double) -> Double {
            counts.enumerated().reduce(0) { $0 + pow(Double($1.offset + 1), power) * $1.element }
        }
        var message = ProtobufMessage()
        message.add(1, 1.0)
        message.add(2, Double(counts.count))
        message.add(3, moment(0))
        message.add(4, moment(1))
        message.add(5, moment(2))
        message.add(6, counts.indices.map { Double($0) + 1.5 })
        message.add(7, counts)
        return message
    }

    private func write(_ event: ProtobufMessage) throws(OuroError) {
        do {
            try handle.write(contentsOf: Self.record(event.bytes))
        } catch {
            throw Self.failure(path, error)
        }
    }

    private static func failure(_ path: String, _ error: any Error) -> OuroError {
        OuroError(.unwritableFile, file: path, "the event file cannot be written: \(error.localizedDescription)")
    }

    /// The record of a message: its length, the length's masked checksum, the message, and the message's masked
    /// checksum.
    static func record(_ message: Data) -> Data {
        var record = withUnsafeBytes(of: UInt64(message.count).littleEndian) { Data($0) }
        record.append(maskedChecksum(record))
        record.append(message)
        record.append(maskedChecksum(message))
        return record
    }

    private static func maskedChecksum(_ data: Data) -> Data {
        let sum = checksum(data)
        let masked = (sum >> 15 | sum << 17) &+ 0xA282_EAD8
        return withUnsafeBytes(of: masked.littleEndian) { Data($0) }
    }

    /// CRC-32C, computed bit by bit: events are few and short.
    static func checksum(_ data: Data) -> UInt32 {
        var sum = UInt32.max
        for byte in data {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        return ~sum
    }
}
