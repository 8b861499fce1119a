import Foundation
import Ouro

/// Writes a data set: a folder of token shards. Not thread-safe.
public final class DatasetWriter {
    private let folder: URL
    private let vocabularySize: Int
    private let endOfText: Int
    private let shardTokens: Int
    private var writers: [DatasetPart: (writer: TokenShardWriter, name: String)] = [:]
    private var finished: [DatasetPart: [DatasetManifest.Shard]] = [:]

    /// Creates the folder.
    ///
    /// - Parameters:
    ///   - folder: the folder to write.
    ///   - vocabularySize: number of tokens in the vocabulary.
    ///   - endOfText: the token that ends every document.
    ///   - shardTokens: the largest number of tokens of a shard. A single document may exceed it.
    ///   - overwrites: whether an existing data set in the folder is replaced.
    /// - Throws: `OuroError` with code `invalidRequest` for values out of range, or `unwritableFile`.
    public init(
        folder: URL, vocabularySize: Int, endOfText: Int, shardTokens: Int = 100_000_000, overwrites: Bool = false
    ) throws(OuroError) {
        guard shardTokens >= 1 else {
            throw OuroError(.invalidRequest, field: "shard tokens", "expected at least 1, found \(shardTokens)")
        }
        guard (0..<vocabularySize).contains(endOfText) else {
            throw OuroError(
                .invalidRequest, field: "end token",
                "token \(endOfText) is not in the vocabulary (0 to \(vocabularySize - 1))")
        }
        self.folder = folder
        self.vocabularySize = vocabularySize
        self.endOfText = endOfText
        self.shardTokens = shardTokens
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw OuroError(
                .unwritableFile, file: folder.path, "the folder cannot be created: \(error.localizedDescription)")
        }
        let manifest = folder.appendingPathComponent(DatasetManifest.fileName)
        guard FileManager.default.fileExists(atPath: manifest.path) else { return }
        guard overwrites else {
            throw OuroError(
                .unwritableFile, file: folder.path,
                "the folder already has a data set; choose another folder, or replace the data set with --overwrite")
        }
        // Removing the list first marks the old data set as incomplete, in case writing the new one fails.
        do {
            try FileManager.default.removeItem(at: manifest)
        } catch {
            throw OuroError(
                .unwritableFile, file: manifest.path, "the file cannot be removed: \(error.localizedDescription)")
        }
    }

    /// Appends a document to a part. A document without tokens is ignored.
    ///
    /// - Parameters:
    ///   - document: the document.
    ///   - part: the part of the data set.
    /// - Throws: `OuroError` with code `invalidData` for a token outside the vocabulary, or `unwritableFile`.
    public func append(_ document: TokenDocument, to part: DatasetPart) throws(OuroError) {
        if let open = writers[part], open.writer.tokenCount + document.tokens.count > shardTokens { try close(part) }
        if writers[part] == nil {
            let number = (finished[part]?.count ?? 0) + 1
            let name = "\(part.rawValue)-\(number.digits(5)).tokens"
            let writer = try TokenShardWriter(
                to: folder.appendingPathComponent(name), vocabularySize: vocabularySize)
            writers[part] = (writer, name)
        }
        try writers[part]?.writer.append(document)
    }

    /// Finishes all shards and writes the list of them. Without it, the data set is incomplete.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`.
    public func finish() throws(OuroError) {
        for part in DatasetPart.allCases { try close(part) }
        try DatasetManifest(
            version: 1, vocabularySize: vocabularySize, endOfText: endOfText, train: finished[.train] ?? [],
            valid: finished[.valid] ?? []
        ).write(to: folder)
    }

    private func close(_ part: DatasetPart) throws(OuroError) {
        guard let (writer, name) = writers.removeValue(forKey: part), writer.documentCount > 0 else { return }
        try writer.finish()
        finished[part, default: []].append(
            .init(file: name, tokens: writer.tokenCount, documents: writer.documentCount))
    }
}
