import Synchronization

/// Limits how many samples run and how many requests wait.
///
/// A request has one or several samples. Each sample needs a place while it runs. The samples of a request get their places
/// one by one, in turn with those of other requests. Some places are kept for requests that have none, so a request with
/// many samples cannot hold all places.
final class Admission: Sendable {
    /// The number of places that are taken, and the number of samples that wait for one.
    struct Counts: Sendable, Equatable {
        var running = 0
        var waiting = 0
        /// The part of `waiting` that belongs to requests without any place.
        var queued = 0

        /// Nothing runs and nothing waits.
        static let none = Counts()
    }

    private struct Entry {
        /// Places that the request has.
        var held = 0
        /// Places that the request has and no sample has taken yet.
        var granted = 0
        /// Samples without a place.
        var wanted: Int
        /// Samples that wait in `place()`, in order.
        var waiters: [(number: Int, continuation: AsyncStream<Never>.Continuation)] = []
    }

    private struct State {
        var counts = Counts()
        var entries: [Int: Entry] = [:]
        /// The requests with samples that wait. The first one is the next to get a place.
        var turns: [Int] = []
        var nextID = 0
    }

    private let limit: Int
    private let queueLimit: Int
    /// Places that only a request without a place can take.
    private let reserve: Int
    private let state = Mutex(State())
    private let watched = Watched(Counts())

    /// - Parameters:
    ///   - limit: the number of places.
    ///   - queueLimit: the number of samples that may wait, of requests that have no place.
    init(limit: Int, queueLimit: Int) {
        self.limit = limit
        self.queueLimit = queueLimit
        reserve = limit > 1 ? max(1, limit / 8) : 0
    }

    var counts: Counts { state.withLock { $0.counts } }

    /// Waits until the counts satisfy a condition, or the task is cancelled.
    func reaches(_ condition: @escaping @Sendable (Counts) -> Bool) async { await watched.reaches(condition) }

    /// A request's samples, running or in the queue. All places are free again after `leave()`, or when the ticket is
    /// released.
    final class Ticket: Sendable {
        private let admission: Admission
        private let id: Int

        fileprivate init(_ admission: Admission, id: Int) { (self.admission, self.id) = (admission, id) }

        deinit { leave() }

        /// The number of places that the request has.
        var held: Int { admission.state.withLock { $0.entries[id]?.held ?? 0 } }

        /// Waits for a place for one sample.
        ///
        /// - Throws: `CancellationError` if the caller is cancelled while it waits.
        func place() async throws { try await admission.place(id) }

        /// Frees the place of a sample that has ended. A request keeps its last place until `leave()`, because its answer
        /// is still to be made.
        func free() { admission.free(id) }

        func leave() { admission.leave(id) }
    }

    /// Registers a request. A request that gets a place at once is always accepted.
    ///
    /// - Throws: `APIError` with status 429 if the queue is full.
    func enter(samples: Int) throws -> Ticket {
        let id: Int? = change { state in
            let startsNow = state.counts.running < limit
            guard startsNow || state.counts.queued + samples <= queueLimit else { return nil }
            state.nextID += 1
            state.entries[state.nextID] = Entry(wanted: samples)
            state.turns.append(state.nextID)
            return state.nextID
        }
        guard let id else {
            throw APIError(
                status: .tooManyRequests, message: "the server is busy; try again later", code: "rate_limit_exceeded",
                headers: [.retryAfter: "1"])
        }
        return Ticket(self, id: id)
    }

    private func place(_ id: Int) async throws {
        await suspended { continuation in
            let number = state.withLock { state -> Int in
                state.nextID += 1
                guard var entry = state.entries[id] else { return 0 }
                defer { state.entries[id] = entry }
                if entry.granted > 0 {
                    entry.granted -= 1
                    return 0
                }
                entry.waiters.append((state.nextID, continuation))
                return state.nextID
            }
            if number == 0 { continuation.finish() }
            return { self.state.withLock { $0.entries[id]?.waiters.removeAll { $0.number == number } } }
        }
        try Task.checkCancellation()
    }

    private func free(_ id: Int) {
        change { state in
            guard let entry = state.entries[id], entry.held > 1 || (entry.held == 1 && entry.wanted > 0) else { return }
            state.entries[id]?.held -= 1
        }
    }

    private func leave(_ id: Int) {
        change { state in
            state.entries[id] = nil
            state.turns.removeAll { $0 == id }
        }
    }

    /// Changes the state, and gives free places to the samples whose turn it is.
    private func change<Result>(_ body: (inout State) -> Result) -> Result {
        var ready: [AsyncStream<Never>.Continuation] = []
        let result = state.withLock { state in
            let result = body(&state)
            var running = state.entries.values.reduce(0) { $0 + $1.held }
            while running < limit, let turn = nextTurn(state, free: limit - running) {
                let id = state.turns.remove(at: turn)
                guard var entry = state.entries[id] else { continue }
                entry.held += 1
                entry.wanted -= 1
                running += 1
                if entry.waiters.isEmpty { entry.granted += 1 } else { ready.append(entry.waiters.removeFirst().1) }
                if entry.wanted > 0 { state.turns.append(id) }
                state.entries[id] = entry
            }
            let waiting = state.turns.compactMap { state.entries[$0] }
            state.counts = Counts(
                running: running, waiting: waiting.reduce(0) { $0 + $1.wanted },
                queued: waiting.reduce(0) { $0 + ($1.held == 0 ? $1.wanted : 0) })
            return result
        }
        for continuation in ready { continuation.finish() }
        watched.update { $0 = self.counts }
        return result
    }

    private func nextTurn(_ state: State, free: Int) -> Int? {
        state.turns.firstIndex { free > reserve || state.entries[$0]?.held == 0 }
    }
}
