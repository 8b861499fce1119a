import Foundation
import Ouro

/// Downloads one file. It continues an earlier run, repeats failed requests, and checks the hash.
struct FileTransfer: Sendable {
    let client: HubClient
    let repository: HubRepository
    let commit: String
    let file: HubFile
    let placement: FilePlacement
    /// Whether the hash of an existing file is checked. Otherwise only its size is checked.
    let checksExisting: Bool
    let progress: ProgressCounter

    /// Downloads the file, unless it already exists.
    ///
    /// - Throws: `OuroError` with code `failedDownload` or `unwritableFile`.
    func run() async throws(OuroError) {
        try placement.makeFolders()
        let lock = try await FileLock.acquire(placement.lock) { progress.wait($0) }
        defer { withExtendedLifetime(lock) {} }
        // Another process may have downloaded the file while this one waited.
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
            "the downloaded file did not have the hash \(file.etag), twice; it was removed. "
                + "A proxy may change the bytes, or the hub's copy may be damaged: try another network, or later")
    }

    private var isThere: Bool {
        checksExisting
            ? ContentHash.matches(file, at: placement.final)
            : PartialFile.byteCount(at: placement.final) == file.byteCount
    }

    /// Requests the missing bytes until the file is complete.
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
        let sink = FileSink(partial, for: file, progress)
        try await client.open(file.path, in: repository, commit: commit, from: partial.byteCount, into: sink)
        guard partial.byteCount == file.byteCount else {
            throw HubFailure(
                OuroError(
                    .failedDownload, file: file.path,
                    "expected \(file.byteCount) bytes, found the end after \(partial.byteCount)"),
                isTransient: true)
        }
    }
}

/// Appends a response's body to a file.
private final class FileSink: WebSink {
    private let partial: PartialFile
    private let file: HubFile
    private let progress: ProgressCounter

    init(_ partial: PartialFile, for file: HubFile, _ progress: ProgressCounter) {
        (self.partial, self.file, self.progress) = (partial, file, progress)
    }

    func begin(_ head: WebHead) throws(HubFailure) {
        let range = head.fields.first("content-range")?.lowercased() ?? ""
        let isRest = head.status == 206 && range.hasPrefix("bytes \(partial.byteCount)-")
        if !isRest, partial.byteCount > 0 {
            // The server sends the whole file, another part of it, or an error.
            do throws(OuroError) { try partial.restart() } catch { throw HubFailure(error) }
            progress.set(file, 0)
        }
        guard isRest || head.status == 200 else {
            throw HubFailure(
                OuroError(
                    .failedDownload, file: file.path,
                    "expected the bytes from an offset, found status \(head.status) with other bytes"),
                isTransient: true)
        }
    }

    func receive(_ bytes: UnsafeRawBufferPointer) throws(HubFailure) {
        let fits: Bool
        do throws(OuroError) {
            fits = try partial.append(bytes)
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
