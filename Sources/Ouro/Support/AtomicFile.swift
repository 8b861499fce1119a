import Foundation

/// Writes a file that appears under its name either complete or not at all.
/// - The bytes go to a temporary file in the same folder. `commit()` flushes that file to the disk and renames it.
/// - Without a commit, the temporary file is deleted, and an older file of the same name stays as it is.
///
/// Not thread-safe: one owner writes the file.
package final class AtomicFile {
    /// The path that the file has after `commit()`.
    package let path: String
    private let temporaryPath: String
    private let descriptor: Int32
    private var isCommitted = false

    /// Writes a whole file and commits it.
    package static func write(_ data: Data, to url: URL) throws(OuroError) {
        let file = try AtomicFile(url)
        try file.write(data, at: 0)
        try file.commit()
    }

    /// Creates the temporary file.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile`, like every method of this type.
    package init(_ url: URL) throws(OuroError) {
        path = url.path
        let name = ".\(url.lastPathComponent).\(UUID().uuidString).partial"
        temporaryPath = url.deletingLastPathComponent().appendingPathComponent(name).path
        descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.failure(path, "be created") }
        CrashPoint.created.reached(path)
    }

    deinit {
        if descriptor >= 0 {
            close(descriptor)
            if !isCommitted { unlink(temporaryPath) }
        }
    }

    /// Writes bytes at an offset from the start of the file.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(OuroError) {
        try Self.write(bytes, at: offset, to: descriptor, path: path)
        CrashPoint.written.reached(path)
    }

    /// Writes bytes at an offset from the start of the file.
    package func write(_ bytes: Data, at offset: Int) throws(OuroError) {
        try bytes.withUnsafeBytes { bytes in Result { () throws(OuroError) in try write(bytes, at: offset) } }.get()
    }

    /// Flushes the file and renames it.
    package func commit() throws(OuroError) {
        guard fsync(descriptor) == 0 else { throw Self.failure(path, "be flushed") }
        CrashPoint.flushed.reached(path)
        guard rename(temporaryPath, path) == 0 else { throw Self.failure(path, "be renamed from its temporary name") }
        isCommitted = true
        CrashPoint.renamed.reached(path)
        // The new name is on the disk only when the folder is flushed too.
        let folder = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        defer { close(folder) }
        _ = fsync(folder)
    }

    /// Writes all bytes at an offset of an open file.
    static func write(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, to descriptor: Int32, path: String
    ) throws(OuroError) {
        var done = 0
        while done < bytes.count {
            // Systems limit how many bytes one call may write.
            let piece = UnsafeRawBufferPointer(rebasing: bytes[done..<min(bytes.count, done + 1 << 30)])
            let count = pwrite(descriptor, piece.baseAddress, piece.count, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(path, "be written")
            }
            done += count
        }
    }

    private static func failure(_ path: String, _ action: String) -> OuroError {
        let reason = String(cString: strerror(errno))
        return OuroError(.unwritableFile, file: path, "the file cannot \(action): \(reason)")
    }
}
