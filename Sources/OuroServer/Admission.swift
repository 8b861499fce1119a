import Synchronization

/// Limits how many generations run and how many wait.
///
/// If all places are taken, a request waits in a queue of bounded length. The queue is first come, first served. If the
/// queue is full, a request is refused with status 429.
final class Admission: Sendable {
    private struct State {
        var running: [Int: Int] = [:]
        var waiting: [(id: Int, places: Int, admit: AsyncStream<Void>.Continuation)] = []
        var watchers: [Int: Watcher] = [:]
        var nextID = 0

        var counts: Counts { (runningPlaces, waitingPlaces) }
        var runningPlaces: Int { running.values.reduce(0, +) }
        var waitingPlaces: Int { waiting.reduce(0) { $0 + $1.places } }
    }

    /// A caller of `reaches(_:)`, and the condition that it waits for.
    private struct Watcher {
        let condition: @Sendable (Counts) -> Bool
        let continuation: AsyncStream<Never>.Continuation
    }

    private let limit: Int
    private let queueLimit: Int
    private let state = Mutex(State())

    init(limit: Int, queueLimit: Int) {
        self.limit = limit
        self.queueLimit = queueLimit
    }

    /// The number of places that are taken, and the number of places in the queue.
    typealias Counts = (running: Int, waiting: Int)

    var counts: Counts { state.withLock { $0.counts } }

    /// Waits until the counts satisfy a condition, or the task is cancelled.
    func reaches(_ condition: @escaping @Sendable (Counts) -> Bool) async {
        await suspended { continuation in
            let id = state.withLock { state -> Int in
                state.nextID += 1
                state.watchers[state.nextID] = Watcher(condition: condition, continuation: continuation)
                return state.nextID
            }
            tellWatchers()
            return { self.state.withLock { $0.watchers[id] = nil } }
        }
    }

    private func tellWatchers() {
        let satisfied = state.withLock { state in
            state.watchers.values.filter { $0.condition(state.counts) }.map(\.continuation)
        }
        for continuation in satisfied { continuation.finish() }
    }

    /// A request's places, running or in the queue. They are free again after `leave()`, or when the ticket is released.
    final class Ticket: Sendable {
        private let admission: Admission
        private let id: Int
        private let admitted: AsyncStream<Void>

        fileprivate init(_ admission: Admission, id: Int, admitted: AsyncStream<Void>) {
            (self.admission, self.id, self.admitted) = (admission, id, admitted)
        }

        deinit { leave() }

        /// Waits until the places are granted.
        ///
        /// - Throws: `CancellationError` if the caller is cancelled while it waits.
        func wait() async throws {
            for await _ in admitted { return }
            throw CancellationError()
        }

        func leave() { admission.leave(id) }
    }

    /// Takes places, or enters the queue.
    ///
    /// - Throws: `APIError` with status 429 if the queue is full.
    func enter(_ places: Int) throws -> Ticket {
        let places = min(places, limit)
        let (admitted, admit) = AsyncStream<Void>.makeStream()
        let id: Int? = state.withLock { state in
            state.nextID += 1
            if state.waiting.isEmpty, state.runningPlaces + places <= limit {
                state.running[state.nextID] = places
                admit.yield()
            } else {
                guard state.waitingPlaces + places <= queueLimit else { return nil }
                state.waiting.append((state.nextID, places, admit))
            }
            return state.nextID
        }
        guard let id else {
            throw APIError(
                status: .tooManyRequests, message: "the server is busy; try again later", code: "rate_limit_exceeded",
                headers: [.retryAfter: "1"])
        }
        tellWatchers()
        return Ticket(self, id: id, admitted: admitted)
    }

    /// Waits for places, and runs `body`.
    ///
    /// - Throws: `APIError` with status 429 if the queue is full. `CancellationError` if the caller is cancelled while it
    ///   waits. Any error of `body`.
    func withPlaces<Result>(_ places: Int, _ body: () async throws -> Result) async throws -> Result {
        let ticket = try enter(places)
        defer { ticket.leave() }
        try await ticket.wait()
        return try await body()
    }

    private func leave(_ id: Int) {
        let ready = state.withLock { state -> [AsyncStream<Void>.Continuation] in
            state.running[id] = nil
            state.waiting.removeAll { $0.id == id }
            var ready: [AsyncStream<Void>.Continuation] = []
            while let first = state.waiting.first, state.runningPlaces + first.places <= limit {
                state.running[first.id] = first.places
                ready.append(first.admit)
                state.waiting.removeFirst()
            }
            return ready
        }
        for admit in ready { admit.yield() }
        tellWatchers()
    }
}
