import Synchronization

/// A clock that stands still until a test moves it.
final class ManualClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset = Swift.Duration.zero

        func advanced(by duration: Swift.Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Swift.Duration { other.offset - offset }
        static func < (a: Instant, b: Instant) -> Bool { a.offset < b.offset }
    }

    private struct State {
        var now = Instant()
        var number = 0
        var sleepers: [Int: (deadline: Instant, continuation: AsyncStream<Never>.Continuation)] = [:]
        /// Tests that wait for somebody to sleep for a duration.
        var watchers: [(duration: Swift.Duration, continuation: AsyncStream<Never>.Continuation)] = []

        func sleeps(for duration: Swift.Duration) -> Bool {
            sleepers.values.contains { $0.deadline == now.advanced(by: duration) }
        }
    }

    private let state = Mutex(State())

    var now: Instant { state.withLock { $0.now } }
    let minimumResolution = Swift.Duration.zero

    func sleep(until deadline: Instant, tolerance: Swift.Duration?) async throws {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        let number = state.withLock { state in
            state.number += 1
            if deadline <= state.now {
                continuation.finish()
            } else {
                state.sleepers[state.number] = (deadline, continuation)
            }
            let asleep = state
            for watcher in asleep.watchers where asleep.sleeps(for: watcher.duration) { watcher.continuation.finish() }
            state.watchers.removeAll { asleep.sleeps(for: $0.duration) }
            return state.number
        }
        for await _ in stream {}
        state.withLock { $0.sleepers[number] = nil }
        try Task.checkCancellation()
    }

    /// Moves the clock, and wakes everybody whose time has come.
    func advance(by duration: Swift.Duration) {
        let woken = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for number in due.keys { state.sleepers[number] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in woken { continuation.finish() }
    }

    /// Moves on as soon as somebody sleeps for so long from now, again and again until the task is cancelled.
    func tick(by duration: Swift.Duration) async {
        while !Task.isCancelled {
            await sleeps(for: duration)
            if !Task.isCancelled { advance(by: duration) }
        }
    }

    /// Waits until somebody sleeps for so long from now.
    func sleeps(for duration: Swift.Duration) async {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        state.withLock { state in
            if state.sleeps(for: duration) {
                continuation.finish()
            } else {
                state.watchers.append((duration, continuation))
            }
        }
        for await _ in stream {}
    }
}
