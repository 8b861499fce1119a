import Foundation
import NIOCore
import Ouro

/// Brings one file to its place: goes on where an earlier run stopped, repeats what fails, checks the hash.
struct FileTransfer: Sendable {
    let client: HubClient
    let repository: HubRepository
    let commit: String
    let file: HubFile
    let placement: FilePlacement
    /// Whether a file that is already there must have its hash checked, not only its size.
    let checksExisting: Bool
    let progress: ProgressCounter

    /// - Throws: ``OuroError`` with code `failedDownload` or `unwritableFile`.
    func run() async throws(OuroError) {
        try placement.makeFolders()
        let lock = try await FileLock.acquire(placement.lock) { progress.wait($0) }
        defer { withExtendedLifetime(lock) {} }
        // Another process may have brought it meanwhile.
        if isThere { return progress.finish(file, fetched: false) }
        for isLastTry in [false, true] {
            let partial = try PartialFile(placement.partial, for: file)
            try await fetch(into: partial)
            if partial.isIntact {
                try partial.commit(to: placement.final)
                return progress.finish(file, fetched: true)
            }
            try? FileManager.default.removeItem(at: placement.partial)
            progress.restart(file)
            if isLastTry { break }
        }
        throw OuroError(
            .failedDownload, file: file.path,
            "the bytes do not have the hash that the hub names (\(file.etag)), twice; they were removed. "
                + "Something between here and the hub changes them, or the hub's copy is damaged")
    }

    private var isThere: Bool {
        checksExisting
            ? ContentHash.matches(file, at: placement.final)
            : PartialFile.byteCount(at: placement.final) == file.byteCount
    }

    /// Requests what is missing until nothing is.
    private func fetch(into partial: PartialFile) async throws(OuroError) {
        progress.set(file, partial.byteCount)
        var failures = 0
        while partial.byteCount < file.byteCount {
            let before = partial.byteCount
            do {
                try await request(partial)
            } catch {
                failures = partial.byteCount > before ? 1 : failures + 1
                try await error.wait(after: failures, retry: client.settings.retry)
            }
        }
    }

    private func request(_ partial: PartialFile) async throws(HubFailure) {
        let response = try await client.open(file.path, in: repository, commit: commit, from: partial.byteCount)
        let start = "bytes \(partial.byteCount)-"
        let isRest =
            response.status.code == 206
            && response.headers.first(name: "content-range")?.lowercased().hasPrefix(start) == true
        if !isRest, partial.byteCount > 0 {
            // The server sends all of it, another part, or knows no such part.
            do throws(OuroError) { try partial.restart() } catch { throw HubFailure(error) }
            progress.set(file, 0)
        }
        guard isRest || response.status.code == 200 else {
            throw HubFailure(
                OuroError(
                    .failedDownload, file: file.path,
                    "expected the bytes from an offset on, found status \(response.status.code) with other bytes"),
                isTransient: true)
        }
        var body = response.body.makeAsyncIterator()
        while partial.byteCount < file.byteCount {
            let bytes: ByteBuffer?
            do {
                bytes = try await body.next()
            } catch {
                throw HubFailure(connection: error, url: URL(fileURLWithPath: "/" + file.path))
            }
            guard let bytes else {
                throw HubFailure(
                    OuroError(
                        .failedDownload, file: file.path,
                        "expected \(file.byteCount) bytes, found the end after \(partial.byteCount)"),
                    isTransient: true)
            }
            let fits: Bool
            do throws(OuroError) {
                fits = try Self.append(bytes, to: partial)
            } catch {
                throw HubFailure(error)
            }
            guard fits else {
                throw HubFailure(
                    OuroError(.failedDownload, file: file.path, "expected \(file.byteCount) bytes, found more"))
            }
            progress.set(file, partial.byteCount)
        }
    }

    private static func append(_ bytes: ByteBuffer, to partial: PartialFile) throws(OuroError) -> Bool {
        let result: Result<Bool, OuroError> = bytes.withUnsafeReadableBytes { bytes in
            do throws(OuroError) {
                return .success(try partial.append(bytes))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
