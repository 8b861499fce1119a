import Synchronization

/// A flag that any thread may set and any thread may read. It cannot be cleared.
package final class AtomicFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    /// Makes a flag that is not set.
    package init() {}

    /// Whether the flag is set.
    package var isSet: Bool { flag.load(ordering: .acquiring) }

    /// Sets the flag.
    package func set() { flag.store(true, ordering: .releasing) }
}
