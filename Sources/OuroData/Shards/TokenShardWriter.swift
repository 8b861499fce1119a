import Foundation
import Ouro

/// Writes a token shard, document by document. The file is written atomically: it is complete or it does not exist. Not
/// thread-safe.
package final class TokenShardWriter {
    /// Tokens appended so far.
    package private(set) var tokenCount = 0
    /// Documents appended so far.
    package private(set) var documentCount = 0
    private let file: AtomicFile
    private let vocabularySize: Int
    private let bytesPerToken: Int
    private var checksum = ShardChecksum()
    private var position = TokenShardHeader.byteCount
    private var pending = Data()
    private var offsets: [UInt64] = [0]
    private var mask: [UInt8] = []
    private var hasLossMask = false

    /// Starts a shard.
    ///
    /// - Parameters:
    ///   - url: the file to write.
    ///   - vocabularySize: number of tokens in the vocabulary, 1 to 2^31. A token takes two bytes up to 65,536,
    ///     otherwise four.
    /// - Throws: `OuroError` with code `invalidRequest` for another vocabulary size, or `unwritableFile`.
    package init(to url: URL, vocabularySize: Int) throws(OuroError) {
        guard (1...(1 << 31)).contains(vocabularySize) else {
            throw OuroError(.invalidRequest, field: "vocabulary size", "expected 1 to 2^31, found \(vocabularySize)")
        }
        self.vocabularySize = vocabularySize
        bytesPerToken = TokenShardHeader.bytesPerToken(vocabularySize: vocabularySize)
        file = try AtomicFile(url)
    }

    /// Appends a document. A document without tokens is ignored.
    ///
    /// - Parameters:
    ///   - document: the document.
    /// - Throws: `OuroError` with code `invalidData` for a token outside the vocabulary, or `unwritableFile`.
    package func append(_ document: TokenDocument) throws(OuroError) {
        guard !document.tokens.isEmpty else { return }
        if let bad = document.tokens.first(where: { $0 < 0 || Int($0) >= vocabularySize }) {
            throw OuroError(
                .invalidData, file: file.path, field: "document \(documentCount)",
                "token \(bad) is not in the vocabulary of \(vocabularySize)")
        }
        for (token, learns) in zip(document.tokens, document.learns) {
            if bytesPerToken == 2 {
                withUnsafeBytes(of: UInt16(truncatingIfNeeded: token).littleEndian) { pending.append(contentsOf: $0) }
            } else {
                withUnsafeBytes(of: token.littleEndian) { pending.append(contentsOf: $0) }
            }
            if tokenCount % 8 == 0 { mask.append(0) }
            if learns { mask[tokenCount / 8] |= 1 << UInt8(tokenCount % 8) } else { hasLossMask = true }
            tokenCount += 1
        }
        offsets.append(UInt64(tokenCount))
        documentCount += 1
        if pending.count >= 1 << 20 { try flush(pending.count / 8 * 8) }
    }

    /// Writes the remaining data, flushes the file to disk and gives it its final name.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`.
    package func finish() throws(OuroError) {
        try endSection()
        if hasLossMask {
            pending.append(contentsOf: mask)
            try endSection()
        }
        for offset in offsets { withUnsafeBytes(of: offset.littleEndian) { pending.append(contentsOf: $0) } }
        try endSection()
        let header = TokenShardHeader(
            bytesPerToken: bytesPerToken, tokenCount: tokenCount, documentCount: documentCount,
            vocabularySize: vocabularySize, hasLossMask: hasLossMask, checksum: 0)
        try file.write(header.bytes(finishing: checksum).header, at: 0)
        try file.commit()
    }

    private func endSection() throws(OuroError) {
        while pending.count % 8 != 0 { pending.append(0) }
        try flush(pending.count)
    }

    /// Writes whole words from the front of the pending bytes.
    private func flush(_ count: Int) throws(OuroError) {
        let bytes = Data(pending.prefix(count))
        bytes.withUnsafeBytes { checksum.add($0) }
        try file.write(bytes, at: position)
        position += count
        pending = Data(pending.dropFirst(count))
    }
}
