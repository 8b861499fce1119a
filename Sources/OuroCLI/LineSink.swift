import Foundation
import Ouro

/// Writes lines to a file or to standard output.
///
/// The file appears when `finish()` is called, so it is never incomplete.
final class LineSink {
    private let file: AtomicFile?
    private var pending = Data()
    private var position = 0

    init(_ path: String) throws(OuroError) {
        file = path == "-" ? nil : try AtomicFile(URL(fileURLWithPath: path))
    }

    func write(_ line: String) throws(OuroError) {
        pending.append(contentsOf: line.utf8)
        pending.append(UInt8(ascii: "\n"))
        if pending.count >= 1 << 16 { try flush() }
    }

    func finish() throws(OuroError) {
        try flush()
        try file?.commit()
    }

    private func flush() throws(OuroError) {
        if let file {
            try file.write(pending, at: position)
        } else {
            try Terminal.write(pending)
        }
        position += pending.count
        pending.removeAll(keepingCapacity: true)
    }
}
