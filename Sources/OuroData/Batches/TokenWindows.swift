import Foundation
import Ouro

/// Rows of continuous text (`packing: stream`). Documents follow each other, and attention crosses their boundaries.
///
/// Every shard is cut into windows of the sequence length that do not overlap. The target of a window's last position
/// is the token after it. Tokens after the last whole window of a shard are not used. Each epoch visits all windows of
/// all shards in its own random order. The order is computed from the seed, not stored.
///
/// If the sequence length changes between batches, the first epoch starts again.
package final class TokenWindows: BatchSource {
    private let dataset: TokenDataset
    private let seed: UInt64
    private var length = 0
    private var nextNumber = 0
    /// Number of each shard's first window, followed by the total number of windows.
    private var firstWindows: [Int] = [0]
    private var order: (epoch: Int, permutation: IndexPermutation)?

    /// Makes a source of a data set's windows.
    ///
    /// - Parameters:
    ///   - dataset: the token shards.
    ///   - seed: the seed of the window order.
    package init(_ dataset: TokenDataset, seed: UInt64) {
        self.dataset = dataset
        self.seed = seed
    }

    package func next(into batch: inout TrainingBatch, rows: Int, length: Int) throws(OuroError) {
        if length != self.length { try start(length) }
        batch.reshape(rows: rows, length: length)
        for row in 0..<rows {
            let window = try read(nextNumber)
            let base = row * length
            for position in 0..<length {
                batch.tokens[base + position] = window.tokens[position]
                if window.learns[position + 1] { batch.targets[base + position] = window.tokens[position + 1] }
            }
            nextNumber += 1
        }
    }

    private func start(_ length: Int, at number: Int = 0) throws(OuroError) {
        var firsts = [0]
        for shard in dataset.shards {
            firsts.append((firsts.last ?? 0) + (length > 0 ? max(0, shard.tokenCount - 1) / length : 0))
        }
        guard length == 0 || (firsts.last ?? 0) > 0 else {
            throw OuroError(
                .invalidData, file: dataset.shards.first?.path,
                "no shard has \(length + 1) tokens, which a sequence of \(length) positions needs; use shorter sequences or "
                    + "more data")
        }
        (self.length, nextNumber, firstWindows, order) = (length, number, firsts, nil)
    }

    /// The tokens of a window, and the token after it.
    private func read(_ number: Int) throws(OuroError) -> TokenDocument {
        let count = firstWindows.last ?? 1
        let (epoch, place) = number.quotientAndRemainder(dividingBy: count)
        if order?.epoch != epoch {
            let seed = StableHash.combine(seed, UInt64(length), UInt64(bitPattern: Int64(epoch)))
            order = (epoch, IndexPermutation(count: count, seed: seed))
        }
        let window = order?.permutation[place] ?? place
        let shard = (firstWindows.firstIndex { $0 > window } ?? 1) - 1
        let first = (window - firstWindows[shard]) * length
        return try dataset.shards[shard].read(first..<(first + length + 1))
    }

    private var fingerprint: String {
        "windows " + String(StableHash.combine(dataset.fingerprint, seed), radix: 16)
    }

    package var position: Data {
        StreamPosition.encode(
            .object(["data": .string(fingerprint), "length": .int(length), "next": .int(nextNumber)]))
    }

    package func seek(to position: Data) throws(OuroError) {
        let state = try StreamPosition.decode(position)
        try StreamPosition.check(state.required("data", state.string("data")), is: fingerprint)
        try start(
            state.required("length", state.integer("length", 0...Int.max)),
            at: state.required("next", state.integer("next", StreamPosition.numbers)))
    }
}
