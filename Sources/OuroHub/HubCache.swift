import Foundation
import Ouro

/// The cache that Hugging Face's tools share.
///
/// In the folder `models--ORG--NAME`, `blobs/HASH` holds the bytes of a file. `snapshots/COMMIT/PATH` links to them.
/// `refs/REVISION` names a commit. The locks in `.locks` prevent two processes from downloading the same file.
struct HubCache: Sendable {
    let root: URL
    let repository: HubRepository

    private var folder: URL { root.appendingPathComponent(repository.folderName) }
    private var reference: URL { folder.appendingPathComponent("refs/\(repository.revision)") }

    func folder(ofCommit commit: String) -> URL {
        folder.appendingPathComponent("snapshots/\(commit)", isDirectory: true)
    }

    /// The places of a file, its partial download and its lock.
    func placement(of file: HubFile) -> FilePlacement {
        let blobs = folder.appendingPathComponent("blobs")
        return FilePlacement(
            final: blobs.appendingPathComponent(file.etag),
            partial: blobs.appendingPathComponent("\(file.etag).incomplete"),
            lock: root.appendingPathComponent(".locks/\(repository.folderName)/\(file.etag).lock"))
    }

    /// The folder of the revision, or nil if there is none. Files may be missing in it.
    var snapshot: URL? {
        var commit = repository.revision
        if !isCommit(commit) {
            guard let text = try? String(contentsOf: reference, encoding: .utf8) else { return nil }
            commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let url = folder(ofCommit: commit)
        return isCommit(commit) && FileManager.default.fileExists(atPath: url.path) ? url : nil
    }

    /// Makes a snapshot of downloaded files, and lets the revision name its commit.
    ///
    /// It must be called when all files are complete. So an interrupted download leaves no snapshot that looks complete.
    ///
    /// - Throws: `OuroError` with code `unwritableFile`.
    func link(_ files: [HubFile], commit: String) throws(OuroError) -> URL {
        let snapshot = folder(ofCommit: commit)
        for file in files {
            let link = snapshot.appendingPathComponent(file.path)
            try makeFolder(link.deletingLastPathComponent())
            let depth = file.path.utf8.count { $0 == UInt8(ascii: "/") } + 2
            let target = String(repeating: "../", count: depth) + "blobs/\(file.etag)"
            if (try? FileManager.default.destinationOfSymbolicLink(atPath: link.path)) == target { continue }
            // The link is made under another name and then renamed, so the final name always leads to a complete file.
            let aside = link.deletingLastPathComponent().appendingPathComponent(".\(UUID().uuidString)")
            guard symlink(target, aside.path) == 0, rename(aside.path, link.path) == 0 else {
                let reason = String(cString: strerror(errno))
                unlink(aside.path)
                throw OuroError(
                    .unwritableFile, file: link.path,
                    "the link cannot be created: \(reason); --local-dir makes a folder without links")
            }
        }
        if repository.revision != commit {
            try makeFolder(reference.deletingLastPathComponent())
            try AtomicFile.write(Data(commit.utf8), to: reference)
        }
        return snapshot
    }
}

/// The paths of a file, of its partial download, and of the lock for both.
struct FilePlacement: Sendable {
    let final: URL
    let partial: URL
    let lock: URL

    /// The paths for a folder of plain files. Partial downloads and locks are where Hugging Face's tools keep them.
    init(of file: HubFile, inLocalFolder folder: URL) {
        let aside = folder.appendingPathComponent(".cache/huggingface/download")
        self.init(
            final: folder.appendingPathComponent(file.path),
            partial: aside.appendingPathComponent("\(file.etag).incomplete"),
            lock: aside.appendingPathComponent("\(file.etag).lock"))
    }

    init(final: URL, partial: URL, lock: URL) {
        (self.final, self.partial, self.lock) = (final, partial, lock)
    }

    func makeFolders() throws(OuroError) {
        for url in [final, partial, lock] { try makeFolder(url.deletingLastPathComponent()) }
    }
}

func makeFolder(_ url: URL) throws(OuroError) {
    do {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
        throw OuroError(
            .unwritableFile, file: url.path, "the folder cannot be created: \(error.localizedDescription)")
    }
}
