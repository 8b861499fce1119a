import Foundation
import Ouro

/// A file that is being downloaded: its first bytes on disk, and their hash.
///
/// A new run continues with the bytes that an earlier run has left. The file gets its final name when it is complete and
/// its hash is right. This type is not thread-safe.
final class PartialFile {
    let url: URL
    private(set) var byteCount = 0
    private let expected: HubFile
    private let descriptor: Int32
    private var hash: ContentHash

    /// Opens or creates the file and hashes the bytes in it.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`, like every method of this type.
    init(_ url: URL, for expected: HubFile) throws(OuroError) {
        self.url = url
        self.expected = expected
        hash = ContentHash(expected)
        descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.failure(url, "cannot be opened") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(url, "cannot be read") }
        if status.st_size > expected.byteCount {
            try restart()
        } else {
            byteCount = Int(status.st_size)
            guard hash.update(contentsOf: descriptor, byteCount) else { throw Self.failure(url, "cannot be read") }
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// The size of a file in bytes, or nil if it does not exist.
    static func byteCount(at url: URL) -> Int? {
        var status = stat()
        return stat(url.path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// Appends bytes. If they cannot be written, for instance on a full disk, the file keeps its length.
    ///
    /// - Returns: false if the file would become longer than the hub reported. Then no bytes are appended.
    func append(_ bytes: UnsafeRawBufferPointer) throws(OuroError) -> Bool {
        guard bytes.count <= expected.byteCount - byteCount else { return false }
        var done = 0
        while done < bytes.count {
            let piece = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, piece.baseAddress, piece.count, off_t(byteCount + done))
            if count < 0 {
                if errno == EINTR { continue }
                let error = Self.failure(
                    url, "cannot be written, \(expected.byteCount - byteCount) bytes of \(expected.path) are missing")
                ftruncate(descriptor, off_t(byteCount))
                throw error
            }
            done += count
        }
        hash.update(bytes)
        byteCount += bytes.count
        return true
    }

    /// Removes all bytes.
    func restart() throws(OuroError) {
        guard ftruncate(descriptor, 0) == 0 else { throw Self.failure(url, "cannot be emptied") }
        byteCount = 0
        hash = ContentHash(expected)
    }

    /// Whether the file has the size and the hash that the hub reported.
    var isIntact: Bool { byteCount == expected.byteCount && hash.digest == expected.etag }

    /// Flushes the file, and renames it to its final name.
    func commit(to final: URL) throws(OuroError) {
        guard fsync(descriptor) == 0 else { throw Self.failure(url, "cannot be flushed") }
        guard rename(url.path, final.path) == 0 else { throw Self.failure(final, "cannot be renamed") }
    }

    private static func failure(_ url: URL, _ what: String) -> OuroError {
        OuroError(.unwritableFile, file: url.path, "the file \(what): \(String(cString: strerror(errno)))")
    }
}
