import Foundation

/// Finds the files of a model folder. It does not follow symbolic links out of the folder.
///
/// Model folders are not trusted. A symbolic link may only lead to a file of the same folder or to its place in a hub
/// cache. There, `models--org--name/snapshots/REVISION/FILE` links to `models--org--name/blobs/HASH`, which may link to
/// the `blobs` folder that all models of the cache share.
package struct ModelFolder {
    let url: URL
    private let resolvedPath: String

    /// Opens a folder.
    ///
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

    /// The path of a file in the folder. Nil if the folder has no such entry.
    ///
    /// - Throws: ``OuroError`` with code `unreadableFile` for a symbolic link without a target or with a target
    ///   outside.
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

    /// The names of all entries, sorted.
    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted()
    }

    /// The folders that may contain the targets of links, each with a slash at the end.
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

    /// The path with all symbolic links resolved. Nil if a target does not exist.
    private static func resolve(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
