import Ouro

/// The documents of a data set, epoch after epoch, each epoch in a random order of its own.
package struct ShuffledDocuments: DocumentSequence {
    private let dataset: TokenDataset
    private let seed: UInt64

    /// - Throws: ``OuroError`` with code `invalidData` if there is no document with two tokens, so that there is nothing to
    ///   predict.
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
