import Synchronization

/// How many generations may run and wait.
///
/// Whoever finds no place waits in a queue of bounded length, first come, first served; whoever finds the queue full is told
/// to come back later.
final class Admission: Sendable {
    private struct State {
        var running = 0
        var waiting: [(id: Int, places: Int, continuation: CheckedContinuation<Bool, Never>)] = []
        var nextID = 0
        var cancelled: Set<Int> = []
    }

    private let limit: Int
    private let queueLimit: Int
    private let state = Mutex(State())

    init(limit: Int, queueLimit: Int) {
        self.limit = limit
        self.queueLimit = queueLimit
    }

    var counts: (running: Int, waiting: Int) {
        state.withLock { ($0.running, $0.waiting.reduce(0) { $0 + $1.places }) }
    }

    /// Runs `body` when there are `places` for it.
    ///
    /// - Throws: ``APIError`` with status 429 if the queue is full, `CancellationError` if the caller is cancelled while it
    ///   waits.
    func withPlaces<Result>(_ places: Int, _ body: () async throws -> Result) async throws -> Result {
        let places = min(places, limit)
        try await enter(places)
        defer { leave(places) }
        return try await body()
    }

    private func enter(_ places: Int) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let isFull = APIError(
            status: .tooManyRequests, message: "the server is busy; try again later", code: "rate_limit_exceeded",
            headers: [.retryAfter: "1"])
        var overflows = false
        let admitted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return false }
                    if state.waiting.isEmpty, state.running + places <= limit {
                        state.running += places
                        return true
                    }
                    guard state.waiting.reduce(places, { $0 + $1.places }) <= queueLimit else {
                        overflows = true
                        return false
                    }
                    state.waiting.append((id, places, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiting.remove(at: index).continuation
            }
            waiter?.resume(returning: false)
        }
        state.withLock { _ = $0.cancelled.remove(id) }
        if overflows { throw isFull }
        if Task.isCancelled, admitted { leave(places) }
        try Task.checkCancellation()
        if !admitted { throw CancellationError() }
    }

    private func leave(_ places: Int) {
        let next = state.withLock { state in
            state.running -= places
            var ready: [CheckedContinuation<Bool, Never>] = []
            while let first = state.waiting.first, state.running + first.places <= limit {
                state.running += first.places
                ready.append(first.continuation)
                state.waiting.removeFirst()
            }
            return ready
        }
        for continuation in next { continuation.resume(returning: true) }
    }
}
