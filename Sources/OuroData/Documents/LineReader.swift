import Foundation
import Ouro

/// Reads a file of any length line by line.
final class LineReader {
    /// The longest allowed line, in bytes.
    static let lineLimit = 64 << 20

    let path: String
    /// Number of the line that `next()` returned last, from 1.
    private(set) var line = 0
    /// Bytes of the file read so far.
    private(set) var byteCount = 0
    private let handle: FileHandle
    private var buffer = Data()
    private var isAtEnd = false

    /// Opens a file.
    ///
    /// - Throws: `OuroError` with code `unreadableFile`.
    init(contentsOf url: URL) throws(OuroError) {
        path = url.path
        do {
            handle = try FileHandle(forReadingFrom: url)
        } catch {
            throw OuroError(
                .unreadableFile, file: url.path,
                FileManager.default.fileExists(atPath: url.path) ? "the file cannot be read" : "there is no such file")
        }
    }

    deinit { try? handle.close() }

    /// The next line without its line break; nil at the end of the file.
    ///
    /// - Throws: `OuroError` with code `unreadableFile`, or `invalidData` if a line is too long.
    func next() throws(OuroError) -> Data? {
        var searched = buffer.startIndex
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[..<end]
                buffer = buffer[(end + 1)...]
                return take(line)
            }
            guard buffer.count <= Self.lineLimit else {
                throw OuroError(
                    .invalidData, file: path, field: "line \(line + 1)",
                    "the line is longer than \(Self.lineLimit) bytes; expected a file of JSON lines")
            }
            if isAtEnd {
                defer { buffer = Data() }
                return buffer.isEmpty ? nil : take(buffer)
            }
            let known = buffer.count
            let more: Data
            do {
                more = try handle.read(upToCount: 1 << 20) ?? Data()
            } catch {
                throw OuroError(
                    .unreadableFile, file: path, "the file cannot be read: \(error.localizedDescription)")
            }
            isAtEnd = more.isEmpty
            byteCount += more.count
            buffer = Data(buffer) + more
            searched = buffer.startIndex + known
        }
    }

    private func take(_ line: Data) -> Data {
        self.line += 1
        return Data(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
    }
}
