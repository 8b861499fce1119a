import Synchronization

/// A flag that any thread may set, once and for all, and any thread may read.
package final class AtomicFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    package init() {}

    package var isSet: Bool { flag.load(ordering: .acquiring) }

    package func set() { flag.store(true, ordering: .releasing) }
}
