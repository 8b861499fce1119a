import Synchronization

@testable import OuroBenchmark

/// A clock that moves by the same step at every reading, so that time counts readings.
final class TickingClock: Sendable {
    private let step: Duration
    private let time = Mutex(Duration.zero)

    init(_ step: Duration) { self.step = step }

    var clock: BenchmarkClock {
        BenchmarkClock {
            self.time.withLock { time in
                time += self.step
                return time
            }
        }
    }
}
