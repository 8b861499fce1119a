import Foundation

/// Writes a folder that appears under its name either complete or not at all. It is written under a temporary name
/// first.
package enum PartialFolder {
    /// Writes a folder.
    ///
    /// - Parameters:
    ///   - folder: the final path.
    ///   - replaces: whether an existing folder is replaced. If not, an existing folder must be empty.
    ///   - body: writes the content to the temporary folder that it receives.
    /// - Throws: ``OuroError`` with code `unwritableFile`, and the errors of `body`.
    package static func write(
        to folder: URL, replaces: Bool, _ body: (URL) throws(OuroError) -> Void
    ) throws(OuroError) {
        let manager = FileManager.default
        let isThere = manager.fileExists(atPath: folder.path)
        if isThere, !replaces {
            guard let entries = try? manager.contentsOfDirectory(atPath: folder.path), entries.isEmpty else {
                throw OuroError(
                    .unwritableFile, file: folder.path, "the path exists and is not an empty folder; choose another one"
                )
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
