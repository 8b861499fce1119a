import Foundation
import Ouro

/// The files of a model at a revision.
struct HubListing: Equatable {
    /// 40 hexadecimal digits.
    let commit: String
    /// Paths inside the repository, sorted. None of them leads out of the model's folder.
    let files: [String]

    private static let fileLimit = 10_000

    /// Reads and checks the hub's answer. The answer is not trusted.
    ///
    /// - Throws: `OuroError` with code `failedDownload`.
    init(_ data: Data, repository: HubRepository) throws(OuroError) {
        let answer = try Fields(
            parsing: data,
            source: .init(code: .failedDownload, file: "the hub's list of files of \(repository.name)"))
        let sha = try answer.required("sha", answer.string("sha"))
        guard isCommit(sha) else {
            throw OuroError(
                .failedDownload, file: repository.name, field: "sha",
                "expected 40 hexadecimal digits of a commit, found '\(HubFailure.clean(sha))'")
        }
        var names: Set<ExactString> = []
        for entry in try answer.required("siblings", answer.objects("siblings", count: 0...Self.fileLimit)) {
            names.insert(ExactString(try entry.required("rfilename", entry.string("rfilename"))))
        }
        for name in names.sorted() where !Self.isSafe(name.text) {
            throw OuroError(
                .failedDownload, file: repository.name, field: "siblings",
                "a file is named '\(HubFailure.clean(name.text))', which could lead out of the folder; "
                    + "nothing was downloaded")
        }
        commit = sha
        files = names.sorted().map(\.text)
    }

    /// Whether a path is relative and consists of plain names, so that it cannot lead out of a folder.
    static func isSafe(_ path: String) -> Bool {
        // Bytes, because a slash with a combining mark is one character, and that character is not a slash.
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return path.utf8.count <= 1024
            && parts.allSatisfy { part in
                !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8) && part.count <= 255
                    && part.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }
            }
    }
}

/// A file of a model: its path, its length and its hash.
struct HubFile: Equatable {
    let path: String
    let byteCount: Int
    /// SHA-256 of a large file, Git's SHA-1 of a small one. It is the file's name in the cache.
    let etag: String

    /// 16 TiB. With the limit on the number of files, the sum of all sizes cannot overflow.
    private static let byteLimit = 1 << 44

    init(path: String, byteCount: Int, etag: String) {
        (self.path, self.byteCount, self.etag) = (path, byteCount, etag)
    }

    /// - Throws: `OuroError` with code `failedDownload` if a header is missing or malformed.
    init(path: String, headers: WebFields, commit: String) throws(OuroError) {
        self.path = path
        if let other = headers.first("x-repo-commit"), other != commit {
            throw OuroError(
                .failedDownload, file: path,
                "expected the file at commit \(commit), found commit '\(HubFailure.clean(other))'")
        }
        let tag = headers.first("x-linked-etag") ?? headers.first("etag") ?? ""
        etag = tag.replacing(/^W\//, with: "").trimmingCharacters(in: CharacterSet(charactersIn: "\""))
        guard [40, 64].contains(etag.utf8.count), isHexadecimal(etag) else {
            throw OuroError(
                .failedDownload, file: path, field: "ETag",
                "expected a hash of 40 or 64 hexadecimal digits, found '\(HubFailure.clean(tag))'; check HF_ENDPOINT")
        }
        let size = headers.first("x-linked-size") ?? headers.first("content-length") ?? ""
        guard let byteCount = Int(size), (0...Self.byteLimit).contains(byteCount) else {
            throw OuroError(
                .failedDownload, file: path, field: "X-Linked-Size",
                "expected the file's size in bytes, found '\(HubFailure.clean(size))'")
        }
        self.byteCount = byteCount
    }
}
