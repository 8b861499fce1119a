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
        struct Answer: Decodable {
            struct Sibling: Decodable { let rfilename: String }
            let sha: String
            let siblings: [Sibling]
        }
        let answer = try StrictJSON.decode(
            Answer.self, from: data, file: "the hub's list of files of \(repository.name)", code: .failedDownload)
        guard isCommit(answer.sha) else {
            throw OuroError(
                .failedDownload, file: repository.name, field: "sha",
                "expected 40 hexadecimal digits of a commit, found '\(HubFailure.clean(answer.sha))'")
        }
        guard answer.siblings.count <= Self.fileLimit else {
            throw OuroError(
                .failedDownload, file: repository.name, field: "siblings",
                "expected at most \(Self.fileLimit) files, found \(answer.siblings.count)")
        }
        for sibling in answer.siblings where !Self.isSafe(sibling.rfilename) {
            throw OuroError(
                .failedDownload, file: repository.name, field: "siblings",
                "a file is named '\(HubFailure.clean(sibling.rfilename))', which could lead out of the folder; "
                    + "nothing was downloaded")
        }
        commit = answer.sha
        files = Set(answer.siblings.map(\.rfilename)).sorted()
    }

    /// Whether a path is relative and consists of plain names, so that it cannot lead out of a folder.
    static func isSafe(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return path.utf8.count <= 1024
            && parts.allSatisfy { part in
                !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 255
                    && part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0 != "\\" }
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
