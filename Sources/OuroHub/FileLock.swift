import Foundation
import Ouro

/// A lock between processes: `flock` on a file, as the hub's other tools use it. Held as long as the value lives.
final class FileLock {
    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Waits for the lock without blocking a thread.
    ///
    /// - Parameter waits: called with true if there is something to wait for, and with false at the end of it.
    /// - Throws: ``OuroError`` with code `unwritableFile`; `failedDownload` if the task is cancelled.
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

    /// The lock, or nil while another process has it.
    private static func attempt(_ url: URL) throws(OuroError) -> FileLock? {
        let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
        guard descriptor >= 0 else {
            throw OuroError(
                .unwritableFile, file: url.path, "the lock cannot be made: \(String(cString: strerror(errno)))")
        }
        let lock = FileLock(descriptor: descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw OuroError(
                    .unwritableFile, file: url.path, "the lock cannot be had: \(String(cString: strerror(errno)))")
            }
            return nil
        }
        // Another tool may have removed the file as it let go; a lock on a removed file keeps nobody out.
        var (held, named) = (stat(), stat())
        guard fstat(descriptor, &held) == 0, stat(url.path, &named) == 0, held.st_ino == named.st_ino,
            held.st_dev == named.st_dev
        else { return nil }
        return lock
    }
}
