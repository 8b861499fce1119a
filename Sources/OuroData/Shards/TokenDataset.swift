import Foundation
import Ouro

/// The documents of a data set, in the order in which they were packed.
package struct TokenDataset: Sendable {
    /// The shards, in order. At least one.
    package let shards: [TokenShard]
    /// Number of tokens in the vocabulary. Every token id is less.
    package let vocabularySize: Int
    /// The token that ends every document; nil if the shards were not opened from a folder.
    package let endOfText: Int?
    /// Number of tokens of all shards.
    package let tokenCount: Int
    /// Number of documents of all shards.
    package let documentCount: Int
    /// Number of each shard's first document.
    private let firstDocuments: [Int]

    /// Opens one part of a data set that `ouro data pack` wrote.
    ///
    /// - Parameters:
    ///   - folder: the folder with `dataset.json`.
    ///   - part: the part to open.
    /// - Throws: `OuroError` with code `unreadableFile`, or `invalidData` if a shard is damaged or differs from the
    ///   list in `dataset.json`, or if there are no documents.
    package init(folder: URL, part: DatasetPart = .train) throws(OuroError) {
        let manifest = try DatasetManifest.load(from: folder)
        var shards: [TokenShard] = []
        for entry in manifest.shards(part) {
            let shard = try TokenShard(contentsOf: folder.appendingPathComponent(entry.file))
            guard shard.tokenCount == entry.tokens, shard.documentCount == entry.documents,
                shard.vocabularySize == manifest.vocabularySize
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
        self.init(shards, endOfText: manifest.endOfText)
    }

    /// - Parameters:
    ///   - shards: at least one shard.
    ///   - endOfText: the token that ends every document; nil if it is unknown.
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
    /// - Parameters:
    ///   - index: the document's index, from 0.
    /// - Throws: `OuroError` with code `unreadableFile` if the file has become shorter since it was opened.
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
