import Foundation
import Ouro

/// A file of tokenised documents, mapped into memory. `TokenShardHeader` describes the format.
///
/// Opening a shard checks the whole file, including its checksum. So every token that it returns is as written.
package final class TokenShard: Sendable {
    /// Path of the file.
    package let path: String
    /// Number of tokens in the vocabulary. Every token id is less.
    package let vocabularySize: Int
    /// Number of tokens.
    package let tokenCount: Int
    /// Number of documents.
    package let documentCount: Int
    /// Whether some tokens are not learnt.
    package let hasLossMask: Bool
    /// Checksum of the content.
    package let checksum: UInt64
    private let memory: MappedFile
    private let bytesPerToken: Int
    private let tokenBytes: Range<Int>
    private let maskBytes: Range<Int>
    private let offsetBytes: Range<Int>

    /// Opens and checks a shard.
    ///
    /// - Parameters:
    ///   - url: the file.
    /// - Throws: `OuroError` with code `unreadableFile` or `invalidData`.
    package init(contentsOf url: URL) throws(OuroError) {
        let file = try OpenFile(url)
        let header = try TokenShardHeader(
            file.read(0..<min(TokenShardHeader.byteCount, file.byteCount)), fileByteCount: file.byteCount,
            file: file.path)
        guard let sections = header.sections else {
            throw OuroError(
                .invalidData, file: file.path,
                "the header's sizes are too large; the file is damaged: pack the data again")
        }
        path = file.path
        vocabularySize = header.vocabularySize
        tokenCount = header.tokenCount
        documentCount = header.documentCount
        hasLossMask = header.hasLossMask
        checksum = header.checksum
        bytesPerToken = header.bytesPerToken
        tokenBytes = sections.tokens
        maskBytes = sections.mask
        offsetBytes = sections.offsets
        memory = try MappedFile(file, mapped: true)
        try verify(header)
    }

    /// The range of a document's tokens within the shard.
    ///
    /// - Parameters:
    ///   - index: the document's index, from 0.
    /// - Throws: `OuroError` with code `unreadableFile` if the file has become shorter since it was opened.
    package func document(_ index: Int) throws(OuroError) -> Range<Int> {
        precondition((0..<documentCount).contains(index), "document \(index) of \(documentCount)")
        let bytes = try memory.bytes(offsetBytes)
        return Self.offset(bytes, index)..<Self.offset(bytes, index + 1)
    }

    /// A copy of some tokens, with their loss mask.
    ///
    /// - Parameters:
    ///   - range: the tokens, as a range within the shard.
    /// - Throws: `OuroError` with code `unreadableFile` if the file has become shorter since it was opened.
    package func read(_ range: Range<Int>) throws(OuroError) -> TokenDocument {
        precondition(range.lowerBound >= 0 && range.upperBound <= tokenCount, "tokens \(range) of \(tokenCount)")
        let bytes = try memory.bytes(tokenBytes)
        let mask = try memory.bytes(maskBytes)
        let tokens = range.map { Int32(truncatingIfNeeded: token(bytes, $0)) }
        let learns =
            hasLossMask
            ? range.map { mask[$0 / 8] >> UInt8($0 % 8) & 1 == 1 } : Array(repeating: true, count: range.count)
        return TokenDocument(tokens: tokens, learns: learns)
    }

    private func token(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UInt32 {
        bytesPerToken == 2
            ? UInt32(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
            : UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }

    /// The start of a document. `verify(_:)` has checked that the offsets rise from 0 to `tokenCount`.
    private static func offset(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Int {
        Int(truncatingIfNeeded: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)))
    }

    private func verify(_ header: TokenShardHeader) throws(OuroError) {
        func fault(_ field: String, _ message: String) -> OuroError {
            OuroError(.invalidData, file: path, field: field, message)
        }
        var sum = ShardChecksum()
        // The checksum includes the padding: it covers everything from the first section to the end of the file.
        sum.add(try memory.bytes(TokenShardHeader.byteCount..<offsetBytes.upperBound))
        let expected = header.bytes(finishing: sum).checksum
        guard checksum == expected else {
            throw fault("checksum", "the checksum does not match; the file is damaged: copy it or pack the data again")
        }
        let offsets = try memory.bytes(offsetBytes)
        var last: UInt64 = 0
        for index in 0...documentCount {
            let offset = UInt64(littleEndian: offsets.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
            guard index == 0 ? offset == 0 : offset > last && offset <= UInt64(tokenCount) else {
                throw fault(
                    "document \(index)",
                    "expected a start after token \(last) and at most \(tokenCount), found \(offset); pack the data again"
                )
            }
            last = offset
        }
        guard last == UInt64(tokenCount) else {
            throw fault("documents", "expected an end at token \(tokenCount), found \(last); pack the data again")
        }
        let tokens = try memory.bytes(tokenBytes)
        for index in 0..<tokenCount {
            let id = token(tokens, index)
            guard id < UInt32(vocabularySize) else {
                throw fault("token \(index)", "\(id) is not in the vocabulary of \(vocabularySize)")
            }
        }
    }
}
