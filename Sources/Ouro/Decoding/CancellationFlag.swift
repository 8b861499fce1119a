import Synchronization

/// A flag that any thread may set when nobody waits for a result any more. It cannot be cleared.
package final class CancellationFlag: Sendable {
    /// Makes a flag that is not set.
    package init() {}
    private let flag = Atomic<Bool>(false)
    /// Whether the flag is set.
    package var isSet: Bool { flag.load(ordering: .acquiring) }
    /// Sets the flag.
    package func set() { flag.store(true, ordering: .releasing) }
}
