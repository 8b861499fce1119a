import Synchronization

/// How far a download is.
public struct HubProgress: Sendable, Equatable {
    /// Bytes that are here, those of an earlier run included, out of all files that are not in the cache.
    public var bytes = 0
    public var totalBytes = 0
    /// Bytes that came over the network in this run.
    public var receivedBytes = 0
    public var finishedFiles = 0
    /// Files that another process is downloading.
    public var waitingFiles = 0
    public var totalFiles = 0
}

/// Adds up the progress of files that are fetched at the same time.
final class ProgressCounter: Sendable {
    private struct State {
        var total: HubProgress
        var files: [String: Int]
    }

    private let state: Mutex<State>
    private let report: @Sendable (HubProgress) -> Void

    /// - Parameter present: bytes of every file that an earlier run has left.
    init(_ files: [HubFile], present: [String: Int], report: @escaping @Sendable (HubProgress) -> Void) {
        var total = HubProgress()
        total.totalFiles = files.count
        total.totalBytes = files.reduce(0) { $0 + $1.byteCount }
        total.bytes = present.values.reduce(0, +)
        state = Mutex(State(total: total, files: present))
        self.report = report
        report(total)
    }

    /// So many bytes of the file are here.
    func set(_ file: HubFile, _ bytes: Int) {
        report(update(file, bytes))
    }

    /// Whether another process is downloading one file more, or one less.
    func wait(_ isWaiting: Bool) {
        report(
            state.withLock { state in
                state.total.waitingFiles += isWaiting ? 1 : -1
                return state.total
            })
    }

    /// The file is fetched anew.
    func restart(_ file: HubFile) { set(file, 0) }

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
