import Foundation
import Ouro

/// The header of a token shard: the first 64 bytes of the file.
///
/// All numbers are little-endian. The sections follow the header. Each is padded with zeros to a multiple of 8 bytes.
///
/// | byte | content |
/// | --- | --- |
/// | 0 | `OUROTOKS` |
/// | 8 | u32: version, 1 |
/// | 12 | u32: bytes of a token, 2 (uint16) or 4 (uint32) |
/// | 16 | u64: number of tokens |
/// | 24 | u64: number of documents |
/// | 32 | u32: vocabulary size; every token id is less |
/// | 36 | u32: 1 if there is a loss mask, otherwise 0 |
/// | 40 | u64: checksum of all sections in order, then of this header with a zero checksum |
/// | 48 | 16 zero bytes |
/// | 64 | the tokens |
/// | | the loss mask, if there is one: bit `i % 8` of byte `i / 8` is 1 if token `i` is learnt |
/// | | (documents + 1) u64: the first token of each document, and the end of the last one |
struct TokenShardHeader: Equatable {
    static let byteCount = 64
    static let magic = Array("OUROTOKS".utf8)
    static let version: UInt32 = 1

    var bytesPerToken: Int
    var tokenCount: Int
    var documentCount: Int
    var vocabularySize: Int
    var hasLossMask: Bool
    var checksum: UInt64

    /// 2 if every token id fits into two bytes, otherwise 4.
    static func bytesPerToken(vocabularySize: Int) -> Int { vocabularySize <= 1 << 16 ? 2 : 4 }

    /// The byte ranges of the sections, without their padding; nil if an offset does not fit into 63 bits.
    var sections: (tokens: Range<Int>, mask: Range<Int>, offsets: Range<Int>)? {
        func next(after start: Int, _ count: Int, times size: Int) -> Range<Int>? {
            let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
            let (end, overflowed) = start.addingReportingOverflow(bytes)
            return overflow || overflowed || end > Int.max - 8 ? nil : start..<end
        }
        func padded(_ end: Int) -> Int { (end + 7) / 8 * 8 }
        let maskCount = hasLossMask ? tokenCount / 8 + (tokenCount % 8 == 0 ? 0 : 1) : 0
        guard documentCount < Int.max,
            let tokens = next(after: Self.byteCount, tokenCount, times: bytesPerToken),
            let mask = next(after: padded(tokens.upperBound), maskCount, times: 1),
            let offsets = next(after: padded(mask.upperBound), documentCount + 1, times: 8)
        else { return nil }
        return (tokens, mask, offsets)
    }

    /// The header with its checksum.
    ///
    /// - Parameters:
    ///   - sections: the checksum after all sections.
    func bytes(finishing sections: ShardChecksum) -> (header: Data, checksum: UInt64) {
        var header = self
        header.checksum = 0
        var sum = sections
        header.bytes.withUnsafeBytes { sum.add($0) }
        header.checksum = sum.value
        return (header.bytes, sum.value)
    }

    var bytes: Data {
        var data = Data(Self.magic)
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
        }
        append(Self.version)
        append(UInt32(bytesPerToken))
        append(UInt64(tokenCount))
        append(UInt64(documentCount))
        append(UInt32(vocabularySize))
        append(UInt32(hasLossMask ? 1 : 0))
        append(checksum)
        data.append(contentsOf: [UInt8](repeating: 0, count: 16))
        return data
    }
}

extension TokenShardHeader {
    /// Reads the header of a file.
    ///
    /// - Parameters:
    ///   - data: the first 64 bytes, or all bytes of a shorter file.
    ///   - fileByteCount: size of the file.
    ///   - file: path of the file, for errors.
    /// - Throws: `OuroError` with code `invalidData`, also if the size of the file does not match the header.
    init(_ data: Data, fileByteCount: Int, file: String) throws(OuroError) {
        func fault(_ field: String, _ message: String) -> OuroError {
            OuroError(.invalidData, file: file, field: field, message)
        }
        guard data.count == Self.byteCount else {
            throw fault("header", "expected a header of \(Self.byteCount) bytes, found a file of \(data.count) bytes")
        }
        guard data.starts(with: Self.magic) else {
            throw fault("header", "expected 'OUROTOKS' at the start; this is not a token shard")
        }
        func number<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type) -> Value {
            data.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
        }
        func count(_ offset: Int, _ field: String) throws(OuroError) -> Int {
            let value = number(offset, as: UInt64.self)
            guard let count = Int(exactly: value) else { throw fault(field, "\(value) does not fit into 63 bits") }
            return count
        }
        let version = number(8, as: UInt32.self)
        guard version == Self.version else {
            throw fault("version", "expected \(Self.version), found \(version); pack the data again")
        }
        bytesPerToken = Int(number(12, as: UInt32.self))
        guard bytesPerToken == 2 || bytesPerToken == 4 else {
            throw fault("bytes of a token", "expected 2 or 4, found \(bytesPerToken)")
        }
        tokenCount = try count(16, "tokens")
        documentCount = try count(24, "documents")
        vocabularySize = Int(number(32, as: UInt32.self))
        guard vocabularySize >= 1, vocabularySize <= (bytesPerToken == 2 ? 1 << 16 : 1 << 31) else {
            throw fault("vocabulary size", "\(vocabularySize) is impossible with tokens of \(bytesPerToken) bytes")
        }
        let flags = number(36, as: UInt32.self)
        guard flags <= 1 else { throw fault("loss mask", "expected 0 or 1, found \(flags)") }
        hasLossMask = flags == 1
        checksum = number(40, as: UInt64.self)
        guard number(48, as: UInt64.self) == 0, number(56, as: UInt64.self) == 0 else {
            throw fault("header", "expected zeros in its last 16 bytes")
        }
        guard let sections else { throw fault("tokens", "\(tokenCount) tokens do not fit into a file") }
        guard sections.offsets.upperBound == fileByteCount else {
            throw fault(
                "tokens",
                "\(tokenCount) tokens in \(documentCount) documents take \(sections.offsets.upperBound) bytes, but the "
                    + "file has \(fileByteCount); copy it again")
        }
    }
}
