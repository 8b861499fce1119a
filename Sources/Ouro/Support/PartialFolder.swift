import Foundation

/// A folder that is there whole or not at all: it is written under another name first.
package enum PartialFolder {
    /// - Parameters:
    ///   - folder: gets its name when all is written.
    ///   - replaces: whether a folder that is there gives way; otherwise it must be empty.
    ///   - body: writes into the folder it is given.
    /// - Throws: ``OuroError`` with code `unwritableFile`, and what `body` throws.
    package static func write(
        to folder: URL, replaces: Bool, _ body: (URL) throws(OuroError) -> Void
    ) throws(OuroError) {
        let manager = FileManager.default
        let isThere = manager.fileExists(atPath: folder.path)
        if isThere, !replaces {
            guard let entries = try? manager.contentsOfDirectory(atPath: folder.path), entries.isEmpty else {
                throw OuroError(
                    .unwritableFile, file: folder.path, "it is there already and not an empty folder; choose another")
            }
        }
        let partial = folder.standardizedFileURL.deletingLastPathComponent()
            .appendingPathComponent(".\(folder.lastPathComponent).\(UUID().uuidString).partial")
        defer { try? manager.removeItem(at: partial) }
        do {
            try manager.createDirectory(at: partial, withIntermediateDirectories: true)
        } catch {
            throw OuroError(.unwritableFile, file: folder.path, "cannot be created: \(error.localizedDescription)")
        }
        try body(partial)
        CrashPoint.filled.reached(folder.path)
        do {
            if isThere {
                try manager.removeItem(at: folder)
                CrashPoint.removed.reached(folder.path)
            }
            try manager.moveItem(at: partial, to: folder)
            CrashPoint.placed.reached(folder.path)
        } catch {
            throw OuroError(.unwritableFile, file: folder.path, "cannot be written: \(error.localizedDescription)")
        }
    }
}
