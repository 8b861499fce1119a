import Foundation
import Ouro

/// Writing to a person: text at once, colours only where they are seen.
enum Terminal {
    static let showsColour =
        isatty(STDOUT_FILENO) != 0 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
    static func writeError(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

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
