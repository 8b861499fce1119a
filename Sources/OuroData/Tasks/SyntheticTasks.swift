import Ouro

/// The built-in tasks.
public enum SyntheticTasks {
    /// All of them, in the order in which help lists them.
    public static let all: [any SyntheticTask] = [
        ManoTask(), ChainTask(), SwapsTask(), SumsTask(), BracketsTask(), CopyTask(), ArithmeticTask(), StoriesTask(),
        RelationsTask(), BiographiesTask(),
    ]

    /// Finds a task by its name.
    ///
    /// - Parameters:
    ///   - name: the name of a task.
    /// - Throws: `OuroError` with code `invalidRequest`, which lists the names, if there is no such task.
    public static func named(_ name: String) throws(OuroError) -> any SyntheticTask {
        guard let task = all.first(where: { $0.name == name }) else {
            throw OuroError(
                .invalidRequest, field: "task",
                "there is no task '\(name)'; there are " + all.map(\.name).joined(separator: ", "))
        }
        return task
    }
}
