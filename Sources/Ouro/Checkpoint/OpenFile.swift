import Foundation

/// A regular file that is open for reading.
///
/// The descriptor stays open while the value lives, so that the size can be checked again.
package final class OpenFile: Sendable {
    /// The path of the file.
    package let path: String
    /// The size in bytes when the file was opened.
    package let byteCount: Int
    let descriptor: Int32

    /// Opens a file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile`.
    package init(_ url: URL) throws(OuroError) {
        path = url.path
        // With O_NONBLOCK, opening a pipe does not wait for its other end.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            byteCount = 0
            throw OuroError(
                .unreadableFile, file: path,
                errno == ENOENT ? "there is no such file" : "cannot be opened: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        let failed = fstat(descriptor, &status) != 0
        byteCount = failed ? 0 : Int(status.st_size)
        guard !failed else {
            throw OuroError(.unreadableFile, file: path, "cannot be read: \(String(cString: strerror(errno)))")
        }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG else {
            throw OuroError(
                .unreadableFile, file: path,
                kind == S_IFDIR ? "expected a file, found a directory" : "expected a file, found a device or pipe")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Copies bytes of the file. The range must lie within `byteCount`.
    package func read(_ range: Range<Int>) throws(OuroError) -> Data {
        var data = Data(count: range.count)
        if let failure = data.withUnsafeMutableBytes({ fill($0, from: range.lowerBound) }) { throw failure }
        return data
    }

    /// Fills a buffer with bytes of the file. Returns the error if there was one.
    func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int) -> OuroError? {
        var done = 0
        while done < buffer.count {
            // Systems limit how many bytes one call may read.
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<min(buffer.count, done + 1 << 30)])
            let count = pread(descriptor, piece.baseAddress, piece.count, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                return OuroError(.unreadableFile, file: path, "cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { return shortened(to: offset + done) }
            done += count
        }
        return nil
    }

    /// Throws if the file has become shorter. Its mapping must then not be accessed.
    func checkSize() throws(OuroError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) < byteCount else { return }
        throw shortened(to: Int(status.st_size))
    }

    private func shortened(to size: Int) -> OuroError {
        OuroError(
            .unreadableFile, file: path,
            "the file was cut from \(byteCount) to \(size) bytes while in use; write a new file and rename it, "
                + "or read it into memory instead of mapping it (--no-mmap)")
    }
}
