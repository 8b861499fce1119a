import OuroData

/// Shared parts of the verbs that have synthetic tasks.
enum SyntheticTaskOption {
    /// The tasks for `--help`, one per line.
    static let list = SyntheticTasks.all.map { task in
        "  \(task.name) (\(task.levels.lowerBound)-\(task.levels.upperBound)): \(task.summary)"
    }.joined(separator: "\n")

    /// Returns the levels that `--level` names, or all levels of the task.
    ///
    /// - Throws: `ValidationError` or `OuroError` for a level that the task does not have.
    static func levels(_ option: String?, of task: any SyntheticTask) throws -> [Int] {
        let levels = try option.map { try NumberList.integers($0, "--level") } ?? Array(task.levels)
        for level in levels { _ = try task.example(seed: 1, index: 0, level: level, split: .train) }
        return levels
    }
}
