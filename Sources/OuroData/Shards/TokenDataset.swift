import Foundation
import Ouro

/// The documents of a folder of token shards, in the order in which they were packed.
package struct TokenDataset: Sendable {
    package let shards: [TokenShard]
    /// Every token is less.
    package let vocabularySize: Int
    /// The token that ends every document; nil where the shards did not come from a folder.
    package let endOfText: Int?
    package let tokenCount: Int
    package let documentCount: Int
    /// Number of the first document of every shard.
    private let firstDocuments: [Int]

    /// Opens one part of a data set that `ouro data pack` wrote.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`, or `invalidData` if shards are damaged, disagree with the list
    ///   in `dataset.json`, or have no documents.
    package init(folder: URL, part: DatasetPart = .train) throws(OuroError) {
        let manifest = try DatasetManifest.load(from: folder)
        var shards: [TokenShard] = []
        for entry in manifest.shards(part) {
            let shard = try TokenShard(contentsOf: folder.appendingPathComponent(entry.file))
            guard shard.tokenCount == entry.tokens, shard.documentCount == entry.documents,
                shard.vocabularySize == manifest.vocabulary_size
            else {
                throw OuroError(
                    .invalidData, file: shard.path,
                    "the shard has \(shard.tokenCount) tokens in \(shard.documentCount) documents, but "
                        + "\(DatasetManifest.fileName) lists \(entry.tokens) in \(entry.documents); pack the data again"
                )
            }
            shards.append(shard)
        }
        guard !shards.isEmpty else {
            throw OuroError(
                .invalidData, file: folder.path,
                part == .valid
                    ? "there are no validation shards; pack with --validation-fraction" : "there are no shards")
        }
        self.init(shards, endOfText: manifest.end_of_text)
    }

    /// - Parameters:
    ///   - shards: at least one.
    package init(_ shards: [TokenShard], endOfText: Int? = nil) {
        self.shards = shards
        self.endOfText = endOfText
        vocabularySize = shards.map(\.vocabularySize).max() ?? 0
        tokenCount = shards.reduce(0) { $0 + $1.tokenCount }
        documentCount = shards.reduce(0) { $0 + $1.documentCount }
        firstDocuments = shards.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.documentCount) }
    }

    /// A copy of a document.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if its file has been cut short.
    package func document(_ index: Int) throws(OuroError) -> TokenDocument {
        precondition((0..<documentCount).contains(index), "document \(index) of \(documentCount)")
        // Binary search for the last shard that starts at or before the document.
        var (low, high) = (0, shards.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if firstDocuments[middle] <= index { low = middle } else { high = middle - 1 }
        }
        let shard = shards[low]
        return try shard.read(shard.document(index - firstDocuments[low]))
    }

    /// A hash of the content.
    var fingerprint: UInt64 { shards.reduce(0) { StableHash.combine($0, $1.checksum) } }
}
