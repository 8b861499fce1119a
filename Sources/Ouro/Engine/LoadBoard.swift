import Synchronization

/// Holds the latest ``EngineLoad`` of the inference thread. Any thread may read it.
final class LoadBoard: Sendable {
    private let latest: Mutex<EngineLoad>

    init(_ load: EngineLoad) { latest = Mutex(load) }

    var load: EngineLoad {
        get { latest.withLock { $0 } }
        set { latest.withLock { $0 = newValue } }
    }
}
