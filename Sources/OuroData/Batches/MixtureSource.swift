import Foundation
import Ouro

/// Mixes several sources in proportion to their weights.
///
/// The source of a row is a pure function of the seed and the row's number. So it does not depend on the batch size.
package final class MixtureSource: BatchSource {
    private let sources: [any BatchSource]
    private let shares: MixtureShares
    private var nextRow = 0
    private var scratch = TrainingBatch()

    /// Makes a mixture.
    ///
    /// - Parameters:
    ///   - sources: at least one source, each with its weight. Weights need not sum to 1.
    ///   - seed: the seed of the choices.
    /// - Throws: `OuroError` with code `invalidRequest` if a weight is negative or not finite, or if no weight is
    ///   positive.
    package init(_ sources: [(source: any BatchSource, weight: Double)], seed: UInt64) throws(OuroError) {
        shares = try MixtureShares(sources.map(\.weight), seed: seed)
        self.sources = sources.map(\.source)
    }

    /// Index of the source of a row.
    func source(ofRow row: Int) -> Int { shares.choice(row) }

    package func next(into batch: inout TrainingBatch, rows: Int, length: Int) throws(OuroError) {
        batch.reshape(rows: rows, length: length)
        for row in 0..<rows {
            try sources[shares.choice(nextRow)].next(into: &scratch, rows: 1, length: length)
            let base = row * length
            for position in 0..<length {
                batch.tokens[base + position] = scratch.tokens[position]
                batch.targets[base + position] = scratch.targets[position]
                batch.documentStart[base + position] = scratch.documentStart[position]
            }
            nextRow += 1
        }
    }

    package var position: Data {
        StreamPosition.encode(
            .object([
                "row": .int(nextRow), "sources": .strings(sources.map { $0.position.base64EncodedString() }),
            ]))
    }

    package func seek(to position: Data) throws(OuroError) {
        let state = try StreamPosition.decode(position)
        let row = try state.required("row", state.integer("row", StreamPosition.numbers))
        let positions = try state.required(
            "sources", state.strings("sources", count: sources.count...sources.count))
        for (source, text) in zip(sources, positions) {
            guard let position = Data(base64Encoded: text) else {
                throw state.failure("sources", "expected base64, found \(JSONValue.quote(text))")
            }
            try source.seek(to: position)
        }
        nextRow = row
    }
}
