import Foundation
import Ouro

/// A file of tokenised documents, mapped into memory. The format is ``TokenShardHeader``'s.
///
/// The whole file is checked when it is opened, its checksum included: whatever this type gives out is what was written.
package final class TokenShard: Sendable {
    package let path: String
    /// Every token is less.
    package let vocabularySize: Int
    package let tokenCount: Int
    package let documentCount: Int
    /// Whether some tokens are not to be learnt.
    package let hasLossMask: Bool
    /// Identifies the content.
    package let checksum: UInt64
    private let memory: MappedFile
    private let bytesPerToken: Int
    private let tokenBytes: Range<Int>
    private let maskBytes: Range<Int>
    private let offsetBytes: Range<Int>

    /// - Throws: ``OuroError`` with code `unreadableFile` or `invalidData`.
    package init(contentsOf url: URL) throws(OuroError) {
        let file = try OpenFile(url)
        let header = try TokenShardHeader(
            file.read(0..<min(TokenShardHeader.byteCount, file.byteCount)), fileByteCount: file.byteCount,
            file: file.path)
        guard let sections = header.sections else {
            throw OuroError(.invalidData, file: file.path, "its sections do not fit any file")
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

    /// The tokens of a document, as a range of the shard's tokens.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if the file has been cut short since.
    package func document(_ index: Int) throws(OuroError) -> Range<Int> {
        precondition((0..<documentCount).contains(index), "document \(index) of \(documentCount)")
        let bytes = try memory.bytes(offsetBytes)
        return Self.offset(bytes, index)..<Self.offset(bytes, index + 1)
    }

    /// Tokens with their marks, copied.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if the file has been cut short since.
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

    /// Verified when the shard was opened: from 0 to `tokenCount`, rising.
    private static func offset(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Int {
        Int(truncatingIfNeeded: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)))
    }

    private func verify(_ header: TokenShardHeader) throws(OuroError) {
        func fault(_ field: String, _ message: String) -> OuroError {
            OuroError(.invalidData, file: path, field: field, message)
        }
        var sum = ShardChecksum()
        // From the first section to the end of the file: the padding counts.
        sum.add(try memory.bytes(TokenShardHeader.byteCount..<offsetBytes.upperBound))
        let expected = header.bytes(finishing: sum).checksum
        guard checksum == expected else {
            throw fault("checksum", "the content does not have it; the file is damaged: copy or pack it again")
        }
        let offsets = try memory.bytes(offsetBytes)
        var last: UInt64 = 0
        for index in 0...documentCount {
            let offset = UInt64(littleEndian: offsets.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
            guard index == 0 ? offset == 0 : offset > last && offset <= UInt64(tokenCount) else {
                throw fault("document \(index)", "it begins at token \(offset), after one at \(last) of \(tokenCount)")
            }
            last = offset
        }
        guard last == UInt64(tokenCount) else {
            throw fault("documents", "they end at token \(last) of \(tokenCount)")
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
