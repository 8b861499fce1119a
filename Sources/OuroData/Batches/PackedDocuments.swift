import Foundation
import Ouro

/// Packs whole documents into rows (`packing: documents`). Attention is masked at document boundaries.
///
/// A document takes one position less than it has tokens, because its last token is only a target. A document longer
/// than a row is split into pieces, and each piece is treated as a document. A row takes the first waiting document
/// that fits. Positions that stay empty have no targets. Attention never crosses `documentStart`, so the loss of a
/// document does not depend on its neighbours.
///
/// If the sequence length changes between batches, the documents start again from the first.
package final class PackedDocuments: BatchSource {
    /// The largest number of waiting documents.
    static let lookahead = 32
    /// The largest number of consecutive documents without targets.
    private static let emptyLimit = 1_000_000

    private let documents: any DocumentSequence
    private var length = 0
    private var nextNumber = 0
    private var waiting: [Piece] = []

    /// A document, or its remaining part.
    private struct Piece {
        let number: Int
        var start: Int
        let document: TokenDocument

        /// Positions that it still needs.
        var count: Int { document.tokens.count - 1 - start }
    }

    /// Makes a source of packed documents.
    ///
    /// - Parameters:
    ///   - documents: the documents to pack.
    package init(_ documents: any DocumentSequence) { self.documents = documents }

    package func next(into batch: inout TrainingBatch, rows: Int, length: Int) throws(OuroError) {
        if length != self.length {
            (self.length, nextNumber, waiting) = (length, 0, [])
        }
        batch.reshape(rows: rows, length: length)
        for row in 0..<rows { try fill(&batch, from: row * length) }
    }

    private func fill(_ batch: inout TrainingBatch, from base: Int) throws(OuroError) {
        var position = 0
        while position < length {
            try refill()
            let room = length - position
            guard let index = waiting.firstIndex(where: { min($0.count, length) <= room }) else { break }
            var piece = waiting[index]
            let count = min(piece.count, length)
            for offset in 0..<count {
                let (token, place) = (piece.start + offset, base + position + offset)
                batch.tokens[place] = piece.document.tokens[token]
                if piece.document.learns[token + 1] { batch.targets[place] = piece.document.tokens[token + 1] }
                batch.documentStart[place] = Int32(truncatingIfNeeded: position)
            }
            position += count
            piece.start += count
            if piece.count > 0 { waiting[index] = piece } else { waiting.remove(at: index) }
        }
        // The remaining positions form a document without targets.
        for place in position..<max(position, length) {
            batch.documentStart[base + place] = Int32(truncatingIfNeeded: position)
        }
    }

    private func refill() throws(OuroError) {
        var empty = 0
        while waiting.count < Self.lookahead {
            let piece = Piece(number: nextNumber, start: 0, document: try documents.document(nextNumber))
            nextNumber += 1
            if piece.count > 0 {
                waiting.append(piece)
            } else {
                empty += 1
                guard empty < Self.emptyLimit else {
                    throw OuroError(
                        .invalidData, "\(empty) consecutive documents have fewer than two tokens; check the data")
                }
            }
        }
    }

    private var fingerprint: String { "documents " + String(documents.fingerprint, radix: 16) }

    package var position: Data {
        StreamPosition.encode(
            .object([
                "data": .string(fingerprint), "length": .int(length), "next": .int(nextNumber),
                "waiting": .array(
                    waiting.map { .object(["document": .int($0.number), "start": .int($0.start)]) }),
            ]))
    }

    package func seek(to position: Data) throws(OuroError) {
        let state = try StreamPosition.decode(position)
        try StreamPosition.check(state.required("data", state.string("data")), is: fingerprint)
        let length = try state.required("length", state.integer("length", 0...Int.max))
        let next = try state.required("next", state.integer("next", StreamPosition.numbers))
        let entries = try state.required("waiting", state.objects("waiting", count: 0...Self.lookahead))
        var pieces: [Piece] = []
        for entry in entries {
            let number = try entry.required("document", entry.integer("document", StreamPosition.numbers))
            guard number < next else {
                throw StreamPosition.fault("document \(number) is not before document \(next)")
            }
            let start = try entry.required("start", entry.integer("start", StreamPosition.numbers))
            let piece = Piece(number: number, start: start, document: try documents.document(number))
            guard start < piece.document.tokens.count - 1 else {
                throw StreamPosition.fault("document \(number) has no token \(start)")
            }
            pieces.append(piece)
        }
        (self.length, nextNumber, waiting) = (length, next, pieces)
    }
}
