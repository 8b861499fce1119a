import Foundation
import Ouro

/// Standard output and standard error: the one place of this program that writes to them.
///
/// Text appears at once. Colours appear only where somebody sees them.
enum Terminal {
    static let showsColour =
        isatty(STDOUT_FILENO) != 0 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    /// Makes standard streams that fail harmless; called once, before anything else.
    ///
    /// A closed pipe becomes an error of the write, not a signal that ends the process. A stream that the caller has closed
    /// becomes `/dev/null`; otherwise the next file that is opened would take its number, and output would go into it.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        for (descriptor, mode) in [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
        where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest free number is this one. Standard output may not be written: whoever closed it is told.
            _ = open("/dev/null", mode)
        }
    }

    /// Writes to standard output.
    ///
    /// - Throws: ``OuroError`` with code `unwritableFile` if that is full or closed.
    static func write(_ text: String) throws(OuroError) { try write(Data(text.utf8)) }

    /// Writes bytes to standard output.
    ///
    /// - Throws: as for a text.
    static func write(_ bytes: Data) throws(OuroError) {
        let code = writeAll(bytes, to: STDOUT_FILENO)
        if code != 0 {
            throw OuroError(.unwritableFile, file: "standard output", String(cString: strerror(code)))
        }
    }

    /// Writes to standard error. A failure is ignored: there is nowhere to report it, and the work matters more.
    static func writeError(_ text: String) { _ = writeAll(Data(text.utf8), to: STDERR_FILENO) }

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) != 0 }

    /// The published vocabulary has no token for 21 bytes, which the reference drops without a word.
    static func warnAboutDroppedBytes(in text: String, tokenizer: Tokenizer?) {
        guard let tokenizer, !tokenizer.missingBytes.isEmpty else { return }
        let dropped = Set(text.utf8).intersection(tokenizer.missingBytes)
        guard !dropped.isEmpty else { return }
        let list = dropped.sorted().map { "0x" + String($0, radix: 16) }.joined(separator: " ")
        writeError("note: the vocabulary has no token for the bytes \(list); they are dropped\n")
    }
}

/// Writes everything, and returns 0 or the system's error number.
private func writeAll(_ bytes: Data, to descriptor: Int32) -> Int32 {
    bytes.withUnsafeBytes { bytes in
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                done += count
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                // Another program has made the terminal or pipe that we share non-blocking.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}
