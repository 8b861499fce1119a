import Synchronization

/// A value that tasks can watch: they wait until it satisfies a condition.
final class Watched<Value: Sendable>: Sendable {
    private struct Watcher {
        let condition: @Sendable (Value) -> Bool
        let continuation: AsyncStream<Never>.Continuation
    }

    private struct State {
        var value: Value
        var watchers: [Int: Watcher] = [:]
        var number = 0
    }

    private let state: Mutex<State>

    init(_ value: Value) { state = Mutex(State(value: value)) }

    var value: Value { state.withLock { $0.value } }

    /// Changes the value, and wakes the tasks whose condition is now satisfied.
    @discardableResult
    func update<Result: Sendable>(_ change: @Sendable (inout Value) -> Result) -> Result {
        let (result, satisfied) = state.withLock { state in
            let result = change(&state.value)
            let value = state.value
            let satisfied = state.watchers.filter { $0.value.condition(value) }
            for number in satisfied.keys { state.watchers[number] = nil }
            return (result, satisfied.values.map(\.continuation))
        }
        for continuation in satisfied { continuation.finish() }
        return result
    }

    /// Waits until the value satisfies a condition, or the task is cancelled.
    func reaches(_ condition: @escaping @Sendable (Value) -> Bool) async {
        await suspended { continuation in
            let number = state.withLock { state -> Int in
                guard !condition(state.value) else { return 0 }
                state.number += 1
                state.watchers[state.number] = Watcher(condition: condition, continuation: continuation)
                return state.number
            }
            if number == 0 { continuation.finish() }
            return { self.state.withLock { $0.watchers[number] = nil } }
        }
    }
}

extension Watched where Value == Bool {
    /// Makes the value true.
    func set() { update { $0 = true } }

    /// Waits until the value is true, or the task is cancelled.
    func wait() async { await reaches { $0 } }
}
