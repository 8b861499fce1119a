import Dispatch
import Ouro
import Synchronization

/// Gives free memory back to the system: after every large request, and once in a while after many small ones.
final class MemoryTrimmer: Sendable {
    /// The size of a body from which on memory is given back at once.
    static let largeBody = 1 << 20
    /// The number of small requests after which memory is given back.
    static let manyRequests = 256

    private struct State {
        var requests = 0
        var isPlanned = false
    }

    private let state = Mutex(State())
    private let trim: @Sendable () -> Void
    private let queue = DispatchQueue(label: "ouro-memory", qos: .utility)

    /// - Parameter trim: gives memory back. It runs on a queue of its own, never twice at the same time.
    init(trim: @escaping @Sendable () -> Void = { Machine.releaseFreeMemory() }) { self.trim = trim }

    func requestEnded(bodyBytes: Int) {
        let starts = state.withLock { state in
            state.requests += 1
            guard bodyBytes >= Self.largeBody || state.requests >= Self.manyRequests, !state.isPlanned else {
                return false
            }
            state.isPlanned = true
            return true
        }
        guard starts else { return }
        queue.async { [self] in
            state.withLock { $0 = State() }
            trim()
        }
    }
}
