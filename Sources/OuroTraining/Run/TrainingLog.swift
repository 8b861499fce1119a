import Foundation
import Ouro

/// The log of a training: a file with one JSON object per line.
///
/// When a training is resumed, the lines of steps after its checkpoint are removed.
final class TrainingLog {
    private let handle: FileHandle
    private let path: String

    /// Opens the log, or creates it.
    ///
    /// - Parameters:
    ///   - url: the log file.
    ///   - step: the last step to keep. The lines of later steps are removed.
    init(_ url: URL, after step: Int) throws(OuroError) {
        path = url.path
        if let old = try? Data(contentsOf: url) {
            var kept = Data()
            for line in old.split(separator: UInt8(ascii: "\n")) {
                // An interrupted run may leave an incomplete line at the end.
                let members = try? JSONObject(parsing: Data(line), file: path, code: .invalidData)
                guard let found = members?["step"]?.exactInteger, found <= step else { continue }
                kept.append(contentsOf: line)
                kept.append(UInt8(ascii: "\n"))
            }
            try AtomicFile.write(kept, to: url)
        } else {
            try AtomicFile(url).commit()
        }
        do {
            handle = try FileHandle(forWritingTo: url)
            try handle.seekToEnd()
        } catch {
            throw OuroError(.unwritableFile, file: url.path, "the log cannot be written: \(error.localizedDescription)")
        }
    }

    func append(_ line: String) throws(OuroError) {
        do {
            try handle.write(contentsOf: Data((line + "\n").utf8))
        } catch {
            throw OuroError(.unwritableFile, file: path, "the log cannot be written: \(error.localizedDescription)")
        }
    }
}
