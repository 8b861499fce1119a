import Synchronization

/// Counts the tokens that a generation has emitted and its receiver has not taken.
///
/// A generation pauses while its backlog is full. A receiver that is slow then costs a bounded amount of memory, and other
/// generations go on.
package final class TokenBacklog: Sendable {
    private let limit: Int
    private let count = Atomic<Int>(0)
    private let resume: @Sendable () -> Void

    /// - Parameters:
    ///   - limit: the number of tokens from which on the generation pauses. A pass may emit a few more.
    ///   - resume: called when a full backlog has room again.
    package init(limit: Int, resume: @escaping @Sendable () -> Void) {
        self.limit = limit
        self.resume = resume
    }

    /// Whether the generation has to pause.
    package var isFull: Bool { count.load(ordering: .acquiring) >= limit }

    /// The number of tokens that wait.
    var pending: Int { count.load(ordering: .acquiring) }

    func emitted() { count.add(1, ordering: .acquiringAndReleasing) }

    func taken() {
        let left = count.subtract(1, ordering: .acquiringAndReleasing).newValue
        if left == limit - 1 { resume() }
    }
}
