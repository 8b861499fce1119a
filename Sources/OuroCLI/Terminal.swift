import Foundation
import Ouro

/// Standard output and standard error. All output of the program goes through this type.
///
/// Text appears at once. Colours appear only on a terminal.
enum Terminal {
    static let showsColour =
        isatty(STDOUT_FILENO) != 0 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    /// Prepares the standard streams. It is called once, before anything else.
    ///
    /// Writing to a closed pipe becomes an error instead of a signal that ends the process. A stream that the caller has
    /// closed becomes `/dev/null`. Otherwise the next opened file would get its number, and output would go into that file.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        for (descriptor, mode) in [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
        where fcntl(descriptor, F_GETFD) == -1 {
            // `open` takes the lowest free number, which is this one. Standard output is opened for reading, so that
            // writing to it is an error.
            _ = open("/dev/null", mode)
        }
    }

    /// Writes to standard output.
    ///
    /// - Throws: `OuroError` with code `unwritableFile` if standard output is full or closed.
    static func write(_ text: String) throws(OuroError) { try write(Data(text.utf8)) }

    /// Writes bytes to standard output.
    ///
    /// - Throws: `OuroError` with code `unwritableFile` if standard output is full or closed.
    static func write(_ bytes: Data) throws(OuroError) {
        let code = writeAll(bytes, to: STDOUT_FILENO)
        if code != 0 {
            throw OuroError(.unwritableFile, file: "standard output", String(cString: strerror(code)))
        }
    }

    /// Writes to standard error. A failure is ignored, because there is no place to report it.
    static func writeError(_ text: String) { _ = writeAll(Data(text.utf8), to: STDERR_FILENO) }

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) != 0 }

    /// Warns about bytes of the text that the tokenizer drops.
    ///
    /// The published vocabulary has no token for 21 bytes. The reference drops them silently.
    static func warnAboutDroppedBytes(in text: String, tokenizer: Tokenizer?) {
        guard let tokenizer, !tokenizer.missingBytes.isEmpty else { return }
        let dropped = Set(text.utf8).intersection(tokenizer.missingBytes)
        guard !dropped.isEmpty else { return }
        let list = dropped.sorted().map { "0x" + String($0, radix: 16) }.joined(separator: " ")
        writeError("note: the vocabulary has no token for the bytes \(list); they are dropped\n")
    }
}

/// Writes all bytes. Returns 0, or the system's error number.
private func writeAll(_ bytes: Data, to descriptor: Int32) -> Int32 {
    bytes.withUnsafeBytes { bytes in
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                done += count
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                // The terminal or pipe is shared, and another program has made it non-blocking.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}
