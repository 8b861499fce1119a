import Foundation
import Ouro

/// A lock between processes: `flock` on a file, as in Hugging Face's tools. The lock is held as long as the value lives.
final class FileLock {
    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Waits for the lock without blocking a thread.
    ///
    /// - Parameters:
    ///   - url: the file of the lock. It is created if it does not exist.
    ///   - waits: called with true when a wait begins, and with false when it ends.
    /// - Throws: `OuroError` with code `unwritableFile`, or with `failedDownload` if the task is cancelled.
    static func acquire(_ url: URL, waits: (Bool) -> Void) async throws(OuroError) -> FileLock {
        if let lock = try attempt(url) { return lock }
        waits(true)
        defer { waits(false) }
        while true {
            if let lock = try attempt(url) { return lock }
            do {
                try await Task.sleep(for: .milliseconds(100))
            } catch {
                throw OuroError(.failedDownload, file: url.path, "cancelled while another process downloads the file")
            }
        }
    }

    /// Returns the lock, or nil if another process has it.
    private static func attempt(_ url: URL) throws(OuroError) -> FileLock? {
        let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
        guard descriptor >= 0 else {
            throw OuroError(
                .unwritableFile, file: url.path, "the lock cannot be created: \(String(cString: strerror(errno)))")
        }
        let lock = FileLock(descriptor: descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw OuroError(
                    .unwritableFile, file: url.path, "the file cannot be locked: \(String(cString: strerror(errno)))")
            }
            return nil
        }
        // Another tool may have removed the file when it released its lock. A lock on a removed file has no effect.
        var (held, named) = (stat(), stat())
        guard fstat(descriptor, &held) == 0, stat(url.path, &named) == 0, held.st_ino == named.st_ino,
            held.st_dev == named.st_dev
        else { return nil }
        return lock
    }
}
