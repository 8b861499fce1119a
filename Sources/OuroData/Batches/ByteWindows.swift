import Foundation
import Ouro

/// Sequences of bytes from random places of a file, for models whose tokens are bytes. No tokenizer is needed.
///
/// The place of a sequence is a pure function of the seed and the sequence's number.
package final class ByteWindows: BatchSource {
    private let bytes: Data
    private let path: String
    private let seed: UInt64
    private var nextRow: UInt64 = 0

    /// Opens a file.
    ///
    /// - Parameters:
    ///   - url: the file.
    ///   - seed: the seed of the random places.
    /// - Throws: `OuroError` with code `unreadableFile`.
    package init(contentsOf url: URL, seed: UInt64) throws(OuroError) {
        path = url.path
        self.seed = seed
        do {
            bytes = try Data(contentsOf: url, options: .mappedIfSafe)
        } catch {
            throw OuroError(
                .unreadableFile, file: url.path, "the file cannot be read: \(error.localizedDescription)")
        }
    }

    package func next(into batch: inout TrainingBatch, rows: Int, length: Int) throws(OuroError) {
        guard bytes.count > length else {
            throw OuroError(
                .unreadableFile, file: path,
                "the file has only \(bytes.count) bytes; sequences of \(length) positions need at least \(length + 1)")
        }
        batch.reshape(rows: rows, length: length)
        for row in 0..<rows {
            let word = SplitMix64.mix(seed &+ (nextRow &+ 1) &* SplitMix64.increment)
            let start = bytes.startIndex + Int(word % UInt64(bytes.count - length))
            for position in 0..<length {
                batch.tokens[row * length + position] = Int32(bytes[start + position])
                batch.targets[row * length + position] = Int32(bytes[start + position + 1])
            }
            nextRow &+= 1
        }
    }

    package var position: Data { Data("\(nextRow)".utf8) }

    package func seek(to position: Data) throws(OuroError) {
        guard let row = UInt64(String(decoding: position, as: UTF8.self)) else {
            throw OuroError(.invalidCheckpoint, field: "position", "expected the number of a sequence")
        }
        nextRow = row
    }
}
