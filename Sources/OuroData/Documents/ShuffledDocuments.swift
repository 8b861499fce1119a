import Ouro

/// The documents of a data set, epoch after epoch. Each epoch has its own random order.
package struct ShuffledDocuments: DocumentSequence {
    private let dataset: TokenDataset
    private let seed: UInt64

    /// Makes a shuffled sequence of a data set's documents.
    ///
    /// - Parameters:
    ///   - dataset: the data set.
    ///   - seed: the seed of the orders.
    /// - Throws: `OuroError` with code `invalidData` if no document has at least two tokens.
    package init(_ dataset: TokenDataset, seed: UInt64) throws(OuroError) {
        guard dataset.tokenCount > dataset.documentCount else {
            throw OuroError(
                .invalidData, file: dataset.shards.first?.path,
                "no document has at least two tokens; pack longer documents")
        }
        self.dataset = dataset
        self.seed = seed
    }

    package func document(_ number: Int) throws(OuroError) -> TokenDocument {
        let (epoch, place) = number.quotientAndRemainder(dividingBy: dataset.documentCount)
        let order = IndexPermutation(
            count: dataset.documentCount, seed: StableHash.combine(seed, UInt64(bitPattern: Int64(epoch))))
        return try dataset.document(order[place])
    }

    package var fingerprint: UInt64 { StableHash.combine(dataset.fingerprint, seed) }
}
