import Ouro
import Synchronization

/// The progress of a download. It counts only files that were not complete before.
public struct HubProgress: Sendable, Equatable {
    /// Bytes on disk, including those of an earlier run.
    public var bytes = 0
    /// Bytes of all files.
    public var totalBytes = 0
    /// Bytes that were downloaded in this run.
    public var receivedBytes = 0
    /// Files that are complete.
    public var finishedFiles = 0
    /// Files that another process is downloading.
    public var waitingFiles = 0
    /// The number of all files.
    public var totalFiles = 0
}

/// Adds up the progress of concurrent downloads.
final class ProgressCounter: Sendable {
    private struct State {
        var total: HubProgress
        var files: ExactDictionary<Int>
    }

    private let state: Mutex<State>
    private let report: @Sendable (HubProgress) -> Void

    /// - Parameters:
    ///   - files: the files to download.
    ///   - present: for every path, the bytes that an earlier run has left.
    ///   - report: gets the progress after every change, from any thread.
    init(_ files: [HubFile], present: ExactDictionary<Int>, report: @escaping @Sendable (HubProgress) -> Void) {
        var total = HubProgress()
        total.totalFiles = files.count
        total.totalBytes = files.reduce(0) { $0 + $1.byteCount }
        total.bytes = present.values.reduce(0, +)
        state = Mutex(State(total: total, files: present))
        self.report = report
        report(total)
    }

    /// Sets the number of bytes on disk of a file.
    func set(_ file: HubFile, _ bytes: Int) {
        report(update(file, bytes))
    }

    /// Counts one more file that another process is downloading, or with false one less.
    func wait(_ isWaiting: Bool) {
        report(
            state.withLock { state in
                state.total.waitingFiles += isWaiting ? 1 : -1
                return state.total
            })
    }

    /// Records that the download of a file starts again.
    func restart(_ file: HubFile) { set(file, 0) }

    /// Records that a file is complete. `fetched` is false if another process has downloaded it.
    func finish(_ file: HubFile, fetched: Bool) {
        if !fetched { _ = update(file, file.byteCount, isReceived: false) }
        report(
            state.withLock { state in
                state.total.finishedFiles += 1
                return state.total
            })
    }

    private func update(_ file: HubFile, _ bytes: Int, isReceived: Bool = true) -> HubProgress {
        state.withLock { state in
            let more = bytes - (state.files[file.path] ?? 0)
            state.files[file.path] = bytes
            state.total.bytes += more
            if isReceived, more > 0 { state.total.receivedBytes += more }
            return state.total
        }
    }
}
