import Foundation

/// A place in the writing of a file or a folder where a test kills the process.
///
/// Tests show with it that a crash loses nothing that was saved. They set `OURO_CRASH_AT` for a child process to the name of
/// a point, a colon and a part of a path, as in `flushed:step-000000000006`. The process kills itself when it first reaches
/// that point with such a path. Without the variable a point does nothing.
package enum CrashPoint: String, Sendable {
    /// A file is there under its temporary name, and empty.
    case created
    /// Some bytes of a file are written, or all of them.
    case written
    /// A file is complete and flushed, under its temporary name.
    case flushed
    /// A file has its own name.
    case renamed
    /// All files of a folder are written; the folder has its temporary name.
    case filled
    /// The folder that another one replaces is removed, and the other one does not have its name yet.
    case removed
    /// A folder has its own name.
    case placed

    /// The points of a file, in the order in which they are reached.
    package static let ofFiles: [CrashPoint] = [.created, .written, .flushed, .renamed]

    /// Where this process is to be killed.
    private static let chosen: (point: CrashPoint, path: String)? = {
        let parts = ProcessInfo.processInfo.environment["OURO_CRASH_AT"]?.split(separator: ":", maxSplits: 1) ?? []
        guard parts.count == 2, let point = CrashPoint(rawValue: String(parts[0])) else { return nil }
        return (point, String(parts[1]))
    }()

    /// Kills the process if this is the point, and `path` contains the part of a path, that `OURO_CRASH_AT` names.
    func reached(_ path: String) {
        guard let chosen = Self.chosen, chosen.point == self, path.contains(chosen.path) else { return }
        kill(getpid(), SIGKILL)
    }
}
