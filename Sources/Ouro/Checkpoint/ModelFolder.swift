import Foundation

/// Finds files of a model folder without being led out of it.
///
/// A folder may come from anybody, so a symbolic link in it is followed only to a file of the same folder, or to where a
/// hub cache keeps it: `models--org--name/snapshots/REVISION/FILE` links to `models--org--name/blobs/HASH`, which may link on to
/// the `blobs` that all models of the cache share.
package struct ModelFolder {
    let url: URL
    private let resolvedPath: String

    /// - Throws: ``OuroError`` with code `unreadableFile` if there is no such folder.
    package init(_ url: URL) throws(OuroError) {
        self.url = url
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory),
            let resolved = Self.resolve(url.path)
        else { throw OuroError(.unreadableFile, file: url.path, "there is no such folder") }
        guard isDirectory.boolValue else {
            throw OuroError(.unreadableFile, file: url.path, "expected a model folder, found a file")
        }
        resolvedPath = resolved
    }

    /// A file of the folder; nil if the folder has no such entry.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` for a symbolic link that leads nowhere or out of the folder.
    func file(_ name: String) throws(OuroError) -> URL? {
        let file = url.appendingPathComponent(name)
        var status = stat()
        guard lstat(file.path, &status) == 0 else { return nil }
        guard status.st_mode & S_IFMT == S_IFLNK else { return file }
        guard let target = Self.resolve(file.path) else {
            throw OuroError(
                .unreadableFile, file: file.path,
                "the symbolic link leads to no file; the download may be incomplete")
        }
        guard permittedRoots.contains(where: { target.utf8.starts(with: $0.utf8) }) else {
            throw OuroError(
                .unreadableFile, file: file.path,
                "the symbolic link leads out of the folder, to \(NameList.clipped(target)); "
                    + "put the file itself there")
        }
        return file
    }

    /// Names of everything in the folder, sorted.
    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted()
    }

    /// Paths that files may have after all links are followed, with a slash at the end.
    private var permittedRoots: [String] {
        let folder = resolvedPath == "/" ? "/" : resolvedPath + "/"
        let parts = folder.split(separator: "/")
        guard let repository = parts.lastIndex(where: { $0.hasPrefix("models--") }),
            parts.dropFirst(repository + 1).first == "snapshots"
        else { return [folder] }
        return [parts[...repository], parts[..<repository]].reduce(into: [folder]) { roots, parts in
            roots.append((["" as Substring] + parts + ["blobs", ""]).joined(separator: "/"))
        }
    }

    /// The path without symbolic links; nil if it leads nowhere.
    private static func resolve(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
