import OuroData

/// What verbs with synthetic tasks have in common.
enum SyntheticTaskOption {
    /// The tasks, a line each, for `--help`.
    static let list = SyntheticTasks.all.map { task in
        "  \(task.name) (\(task.levels.lowerBound)-\(task.levels.upperBound)): \(task.summary)"
    }.joined(separator: "\n")

    /// The levels that `--level` names, all if it is not given.
    ///
    /// - Throws: `ValidationError` or ``OuroError`` for levels that the task has not.
    static func levels(_ option: String?, of task: any SyntheticTask) throws -> [Int] {
        let levels = try option.map { try NumberList.integers($0, "--level") } ?? Array(task.levels)
        for level in levels { _ = try task.example(seed: 1, index: 0, level: level, split: .train) }
        return levels
    }
}
