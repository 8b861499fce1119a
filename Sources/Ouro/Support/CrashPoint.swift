import Foundation

/// A place in the code that writes files and folders, at which a test can kill the process.
///
/// Tests use it to show that a crash loses no saved data. A test starts a child process with the environment variable
/// `OURO_CRASH_AT` set to a point, a colon and a part of a path: `flushed:step-000000000006`. The child kills itself
/// when it first reaches that point with a path that contains this part. Without the variable, and in release builds, the
/// points do nothing.
package enum CrashPoint: String, Sendable {
    /// A file exists under its temporary name and is empty.
    case created
    /// Some or all bytes of a file are written.
    case written
    /// A file is complete and flushed, and still has its temporary name.
    case flushed
    /// A file has its final name.
    case renamed
    /// All files of a folder are written. The folder still has its temporary name.
    case filled
    /// The old folder is removed. The new folder still has its temporary name.
    case removed
    /// A folder has its final name.
    case placed

    /// The points of a file, in the order in which the process reaches them.
    package static let ofFiles: [CrashPoint] = [.created, .written, .flushed, .renamed]

    #if DEBUG
        /// The point and the part of a path from `OURO_CRASH_AT`.
        private static let chosen: (point: CrashPoint, path: String)? = {
            let parts = ProcessInfo.processInfo.environment["OURO_CRASH_AT"]?.split(separator: ":", maxSplits: 1) ?? []
            guard parts.count == 2, let point = CrashPoint(rawValue: String(parts[0])) else { return nil }
            return (point, String(parts[1]))
        }()
    #endif

    /// Kills the process if `OURO_CRASH_AT` names this point and a part of `path`.
    func reached(_ path: String) {
        #if DEBUG
            guard let chosen = Self.chosen, chosen.point == self, path.contains(chosen.path) else { return }
            kill(getpid(), SIGKILL)
        #endif
    }
}
