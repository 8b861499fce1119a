import Synchronization

/// Set from any thread when a receiver has gone away.
package final class CancellationFlag: Sendable {
    package init() {}
    private let flag = Atomic<Bool>(false)
    package var isSet: Bool { flag.load(ordering: .acquiring) }
    package func set() { flag.store(true, ordering: .releasing) }
}
