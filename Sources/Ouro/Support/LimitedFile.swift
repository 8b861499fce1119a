import Foundation

/// Reads whole files that other programs have written, up to a size.
package enum LimitedFile {
    /// Reads the bytes of a file.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` if the file is missing or unreadable, and with `code` if it
    ///   has more than `limit` bytes.
    package static func read(_ url: URL, limit: Int, code: OuroError.Code) throws(OuroError) -> Data {
        let data: Data
        do {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) else {
                throw OuroError(.unreadableFile, file: url.path, "there is no such file")
            }
            guard !isDirectory.boolValue else {
                throw OuroError(.unreadableFile, file: url.path, "expected a file, found a directory")
            }
            let handle = try FileHandle(forReadingFrom: url)
            defer { try? handle.close() }
            data = try handle.read(upToCount: limit + 1) ?? Data()
        } catch let error as OuroError {
            throw error
        } catch {
            throw OuroError(.unreadableFile, file: url.path, "cannot be read: \(error.localizedDescription)")
        }
        guard data.count <= limit else {
            throw OuroError(code, file: url.path, "the file is longer than \(limit) bytes")
        }
        return data
    }
}
